"""The peer: trl's own trainer on the same pairs, model and recipe, without our code. Prints one line of JSON."""

import json
import resource
import sys
import time
from pathlib import Path
from typing import Any


def main() -> None:
    """Train with the options in `sys.argv[1]`, a JSON object."""
    given: dict[str, Any] = json.loads(sys.argv[1])

    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import AutoModelForCausalLM, AutoTokenizer, set_seed
    from trl import SFTConfig, SFTTrainer

    set_seed(given["seed"])
    rows = [json.loads(line) for line in Path(given["train"]).read_text(encoding="utf-8").splitlines()]
    data = Dataset.from_list(
        [
            {
                "prompt": [
                    {"role": "system", "content": given["system"]},
                    {"role": "user", "content": f"{row['context']}\n\n{row['question']}"},
                ],
                "completion": [{"role": "assistant", "content": row["answer"]}],
            }
            for row in rows
        ]
    )
    projections = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    trainer = SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(given["base"], dtype=torch.float32),
        processing_class=AutoTokenizer.from_pretrained(given["base"]),
        train_dataset=data,
        peft_config=LoraConfig(
            r=given["rank"], lora_alpha=given["alpha"], target_modules=projections, task_type="CAUSAL_LM"
        ),
        args=SFTConfig(
            output_dir=given["output"],
            use_cpu=not torch.cuda.is_available(),
            bf16=True,
            max_steps=given["max_steps"],
            per_device_train_batch_size=given["batch"],
            learning_rate=given["learning_rate"],
            max_length=given["max_tokens"],
            completion_only_loss=True,
            seed=given["seed"],
            data_seed=given["seed"],
            save_strategy="no",
            logging_steps=1,
            report_to="none",
            disable_tqdm=True,
            dataloader_pin_memory=False,
        ),
    )
    started = time.monotonic()
    trainer.train()
    seconds = time.monotonic() - started
    tokens = max(log.get("num_tokens", 0) for log in trainer.state.log_history)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"tokens": tokens, "seconds": seconds, "peak_memory_mb": peak}))


if __name__ == "__main__":
    main()
