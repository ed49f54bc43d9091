"""The training function as a cluster receives it: through the shell script that Kubeflow's SDK makes of its source."""

import inspect
import os
import subprocess
from pathlib import Path
from urllib.parse import unquote

from kubeflow.trainer.backends.kubernetes.utils import get_command_using_train_func
from kubeflow.trainer.constants.constants import DEFAULT_COMMAND
from kubeflow.trainer.types.types import Runtime, RuntimeKind, RuntimeTrainer, TrainerType

from ml.settings import Settings
from ml.training.base_model import BaseModel
from ml.training.function import fine_tune
from ml.training.job import TrainingData, _custom_trainer
from tests.ml.support import TINY

NASTY = "cost: $HOME `id` \\\\ {context} \"quoted\" 'and' \n{question}"


def shipped(data: TrainingData, tmp_path: Path) -> str:
    """Return the file that a pod would run, as bash writes it; only Python is replaced by a double."""
    trainer = RuntimeTrainer(TrainerType.CUSTOM_TRAINER, "torch", "image")
    trainer.set_command(DEFAULT_COMMAND)
    base = BaseModel("/models/base", "base", "")
    custom = _custom_trainer(data, base, TINY, Path("/workspace/out"), Settings(trainer="kubernetes"))
    assert custom.env is None
    command = get_command_using_train_func(
        Runtime("codeintel-lora", trainer, RuntimeKind.TRAINING_RUNTIME), fine_tune, custom.func_args, [], None
    )
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\ncat "$1"\n')
    python.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(command, cwd=tmp_path, env={"PATH": path}, capture_output=True, text=True, check=True)
    return done.stdout


def test_the_shell_does_not_change_the_function(tmp_path: Path) -> None:
    data = TrainingData(Path("/workspace/train.jsonl"), Path("/workspace/held out.jsonl"), prompt=NASTY)
    assert inspect.getsource(fine_tune).rstrip() in shipped(data, tmp_path)


def test_the_arguments_arrive_unchanged(tmp_path: Path) -> None:
    data = TrainingData(Path("/workspace/train.jsonl"), Path("/workspace/held out.jsonl"), NASTY, NASTY)
    call = shipped(data, tmp_path).rpartition("\nfine_tune(")[2]
    received: dict[str, object] = {}

    def fine_tune_double(**named: object) -> None:
        received.update(named)

    exec(f"double({call.strip()}", {"double": fine_tune_double})
    assert unquote(str(received["prompt"])) == NASTY
    assert unquote(str(received["held_out"])) == "/workspace/held out.jsonl"
    assert received["seed"] == TINY.seed


def test_the_function_is_self_contained() -> None:
    names: dict[str, object] = {}
    exec(compile(inspect.getsource(fine_tune), "shipped", "exec"), names)
    assert "fine_tune" in names
