"""An adapter that is to be measured, in whatever form it lies on the disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml.errors import EvaluationError
from ml.training.result import CONFIG

if TYPE_CHECKING:
    from ml.evaluation.page import Losses
    from ml.settings import Settings


@dataclass(frozen=True, slots=True)
class Candidate:
    """An adapter that can be asked: by these settings, for llama.cpp with this GGUF file.

    `digest` is the SHA-256 of its weights, `losses` how its training went.
    """

    settings: "Settings"
    gguf: Path | None
    digest: str
    losses: "Losses | None" = None


def peft_folder(path: Path) -> Path:
    """Return the folder in peft's form at a path: that, or a training run's output. Raise EvaluationError."""
    for folder in (path, path / "adapter"):
        if (folder / CONFIG).is_file():
            return folder
    raise EvaluationError(f"{path} is not an adapter", "name a GGUF file or the folder that `codeintel train` left")


def losses_of(folder: Path) -> "Losses | None":
    """Return how the training of an adapter went, None where its run does not lie around it."""
    from ml.evaluation.page import Losses
    from ml.training.result import read_result

    result = read_result(folder.parent)
    return Losses(result.losses, result.held_out_loss_before, result.held_out_loss_after) if result else None
