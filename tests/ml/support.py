"""Data and settings shared by the learning loop's tests."""

import json
import random
from pathlib import Path

from ml.training.base_model import BaseModel
from ml.training.examples import Example
from ml.training.recipe import Recipe
from ml.training.result import write_about

CACHE = Path(__file__).parents[2] / ".cache" / "tests-ml"
VERBS = ("load", "parse", "send", "open", "close", "merge", "split", "encode", "rank", "fetch", "write", "drop")
TINY = Recipe(batch=4, max_steps=6, checkpoint_steps=2, learning_rate=1e-3, warmup_steps=1, max_tokens=160, threads=2)


def facts(count: int, seed: int) -> list[Example]:
    """Return examples whose answers have one form, so that a few steps are enough to learn it."""
    dice = random.Random(seed)
    examples = []
    for _ in range(count):
        name, line = f"{dice.choice(VERBS)}_{dice.choice(VERBS)}", dice.randint(1, 300)
        examples.append(
            Example(
                question=f"Where is {name}?",
                context=f"[1] src/{name}.py:{line}\n{line}| def {name}():",
                answer=f"Defined at src/{name}.py:{line} [1].",
            )
        )
    return examples


def write_peft_adapter(folder: Path, base: BaseModel, seed: int, *, rank: int = 2, width: int = 576) -> Path:
    """Write a LoRA adapter for SmolLM2-135M in peft's format, with random weights: each seed answers differently."""
    import numpy as np
    from safetensors.numpy import save_file

    dice, tensors = np.random.default_rng(seed), {}
    for layer in range(30):
        prefix = f"base_model.model.model.layers.{layer}.self_attn.v_proj.lora_"
        tensors[f"{prefix}A.weight"] = dice.normal(0, 0.1, (rank, width)).astype("float32")
        tensors[f"{prefix}B.weight"] = dice.normal(0, 0.1, (192, rank)).astype("float32")
    folder.mkdir(parents=True)
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    config: dict[str, object] = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "bias": "none"}
    config |= {
        "base_model_name_or_path": base.path,
        "r": rank,
        "lora_alpha": 8,
        "lora_dropout": 0.0,
        "target_modules": ["v_proj"],
    }
    (folder / "adapter_config.json").write_text(json.dumps(config))
    write_about(folder, {"base_digest": base.digest, "system": "You find code.", "prompt": "{context}\n{question}"})
    return folder
