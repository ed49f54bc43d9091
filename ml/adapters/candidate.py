"""An adapter to be evaluated, in any of its on-disk forms."""

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
    """An adapter that is ready to answer, with these settings and, for llama.cpp, this GGUF file.

    `digest` is the SHA-256 of its weights; `losses` are those of its training.
    """

    settings: "Settings"
    gguf: Path | None
    digest: str
    losses: "Losses | None" = None


def peft_folder(path: Path) -> Path:
    """Return the PEFT folder at a path, which may be a training run's output. Raise EvaluationError if there is none."""
    for folder in (path, path / "adapter"):
        if (folder / CONFIG).is_file():
            return folder
    raise EvaluationError(f"{path} is not an adapter", "name a GGUF file or the folder that `codeintel train` wrote")


def losses_of(folder: Path) -> "Losses | None":
    """Return the losses of an adapter's training, or None if it is not in a run's output folder."""
    from ml.evaluation.page import Losses
    from ml.training.result import read_result

    result = read_result(folder.parent)
    return Losses(result.losses, result.held_out_loss_before, result.held_out_loss_after) if result else None
