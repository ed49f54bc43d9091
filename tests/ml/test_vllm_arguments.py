"""The arguments of every vLLM that the platform starts, judged by vLLM's own parser and configuration."""

import json
import subprocess
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any

import yaml

from ml.serving.inference import LEAST_CACHE_BYTES, Cards
from testbed.pulumi.recorder import recorded
from tests.ml.vllm_server import ENVIRONMENT, VLLM
from tests.support.vllm_arguments import composed

PARSER = Path(__file__).with_name("vllm_parser.py")
ROOT = Path(__file__).parents[2]
QWEN = {
    "architectures": ["Qwen2ForCausalLM"],
    "model_type": "qwen2",
    "torch_dtype": "bfloat16",
    "max_position_embeddings": 32768,
}
# The shapes of the default models, which decide whether a value fits: attention heads are split over the cards.
SHAPES = {
    "code-assistant": {
        "num_attention_heads": 28, "num_key_value_heads": 4, "num_hidden_layers": 28, "hidden_size": 3584,
        "intermediate_size": 18944, "vocab_size": 152064,
    },
    "autoscaling-test": {
        "num_attention_heads": 14, "num_key_value_heads": 2, "num_hidden_layers": 24, "hidden_size": 896,
        "intermediate_size": 4864, "vocab_size": 151936,
    },
}  # fmt: skip
WRONG = (
    "--disable-log-requests",
    "--gpu-memory-utilization=1.84",
    "--max-lora-rank=12",
    "--tensor-parallel-size=3",
)
LOCAL = {
    name.removeprefix("codeintel:"): value
    for name, value in yaml.safe_load((ROOT / "Pulumi.local.yaml").read_text())["config"].items()
}
STACKS: dict[str, dict[str, Any]] = {
    "gpu": {},
    "two cards": {"gpu": {"cards": 2}},
    "a part of the card": {"models": {"gpus": 2, "adapterRank": 64}},
    "without MLflow": {"components": {"mlflow": False}},
    "local": {**LOCAL, "components": {**LOCAL["components"], "gpuNode": False, "devicePlugin": False}},
}


def command_lines(folder: Path, stack: Mapping[str, Any]) -> list[list[str]]:
    """Return the command line of each vLLM of a stack, with a model's shape in place of its weights."""
    objects = [each.inputs for each in recorded(**stack).resources.values()]
    (runtime,) = [each for each in objects if each.get("kind") == "ServingRuntime"]
    services = [each for each in objects if each.get("kind") == "InferenceService"]
    assert {each["metadata"]["name"] for each in services} == SHAPES.keys()
    return [
        [arg.replace("/mnt/models", str(folder / service["metadata"]["name"])) for arg in composed(runtime, service)]
        for service in services
    ]


def judged(lines: list[list[str]]) -> Any:
    """Return what vLLM makes of command lines: all in one process, because its import takes long."""
    assert VLLM.is_file(), "run `make setup-vllm`"
    done = subprocess.run(
        [str(VLLM.with_name("python")), str(PARSER)],
        input=json.dumps(lines),
        env={**ENVIRONMENT, "HOME": "/tmp"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_vllm_accepts_every_stacks_arguments_and_rejects_wrong_ones(tmp_path: Path) -> None:
    for name, shape in SHAPES.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps(QWEN | shape))
    lines = {name: command_lines(tmp_path, stack) for name, stack in STACKS.items()}
    line = next(line for line in lines["gpu"] if "--enable-lora" in line)
    *results, name, share, rank, heads = judged([*chain(*lines.values()), *([*line, each] for each in WRONG)])

    left = iter(results)
    taken = {stack: {(one := next(left))["names"][0]: one for _ in each} for stack, each in lines.items()}
    production = {stack: models["code-assistant"] for stack, models in taken.items()}
    assert {stack: each["cards"] for stack, each in production.items()} == dict.fromkeys(STACKS, 1) | {"two cards": 2}
    assert production["two cards"]["share"] == production["gpu"]["share"] == 0.92
    assert production["a part of the card"]["share"] == 0.368
    assert production["a part of the card"]["rank"] == 64
    assert {each["guesses"] for each in production.values()} == {4}
    small = {stack: models["autoscaling-test"] for stack, models in taken.items()}
    assert small["two cards"] == small["gpu"]  # a slice is as large, however many cards there are
    assert small["gpu"]["cache_bytes"] == Cards().cache_bytes(1, weights=1 << 30) > LEAST_CACHE_BYTES

    assert "unrecognized arguments: --disable-log-requests" in name["rejected"]
    assert "1.84" in share["rejected"]
    assert "12" in rank["rejected"]
    assert "attention heads (28) must be divisible by tensor parallel size (3)" in heads["rejected"]
