"""The third stage: train an adapter on the pairs and log it in MLflow, or repeat a logged run."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.handover import dataset_folder, repetitions_folder, runs_folder

if TYPE_CHECKING:
    from ml.registry.repeat import Repetition
    from ml.settings import Settings
    from ml.training.job import TrainingData
    from ml.training.recipe import Recipe
    from ml.training.result import TrainingResult

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class TrainingReport:
    """A finished run: its folder, its id in MLflow, and the result."""

    folder: Path
    run_id: str
    result: "TrainingResult"

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs."""
        return {"folder": str(self.folder.resolve()), "run_id": self.run_id, **_result_as_dict(self.result)}


@dataclass(frozen=True, slots=True)
class RepetitionReport:
    """A logged run and its repetition."""

    run_id: str
    repetition: "Repetition"

    @property
    def folder(self) -> Path:
        """The folder of the repetition."""
        return self.repetition.result.adapter.parent

    def as_dict(self) -> dict[str, Any]:
        """Return it for programs.

        `agrees`: the held-out losses differ by 1 % at most. `packages` are those whose versions differ, as
        (then, now).
        """
        again = self.repetition
        return {
            "repeats": self.run_id,
            "folder": str(self.folder.resolve()),
            "agrees": again.agrees(),
            "logged_held_out_loss": again.logged.held_out_loss,
            "packages": again.packages,
            **_result_as_dict(again.result),
        }


def train_adapter(
    settings: "Settings",
    recipe: "Recipe",
    dataset: Path | None = None,
    output: Path | None = None,
    progress: Callable[[str], None] = print,
) -> TrainingReport:
    """Fine-tune the base model on the pairs of a data set and log the run; `progress` receives the job's lines.

    A run that was killed resumes; a finished one is not trained again. Raise what `ml.training.job.train` raises,
    ModelError if there is no base model, and RegistryError if MLflow is unavailable.
    """
    from ml.registry.logged import log_once
    from ml.registry.mlflow_client import tracking_address
    from ml.training.base_model import open_base_model
    from ml.training.job import TrainingData, train
    from rag_service.answer.generated.prompt import training_texts

    texts = training_texts(writes=settings.base_model != "embedded")
    data = TrainingData.in_folder((dataset or dataset_folder(settings)).resolve(), *texts)
    base = open_base_model(settings.base_model)
    folder = output or runs_folder(settings) / run_name(data, base.digest, recipe)
    result = train(data, base, recipe, folder, settings, progress)
    run_id = log_once(tracking_address(settings), data, base, recipe, result, ROOT)
    return TrainingReport(folder, run_id, result)


def repeat_run(
    settings: "Settings", run_id: str, output: Path | None = None, progress: Callable[[str], None] = print
) -> RepetitionReport:
    """Repeat a run from its record in MLflow and compare. Raise what `ml.registry.repeat.repeat` raises."""
    from ml.registry.mlflow_client import tracking_address
    from ml.registry.repeat import repeat

    folder = output or repetitions_folder(settings) / run_id[:12]
    return RepetitionReport(run_id, repeat(tracking_address(settings), run_id, folder, settings, progress))


def run_name(data: "TrainingData", base_digest: str, recipe: "Recipe") -> str:
    """Return a run's name, derived from all its inputs, so that the same run is found again."""
    about = json.dumps([data.digest, data.system, data.prompt, base_digest, recipe.as_dict()], sort_keys=True)
    return hashlib.sha256(about.encode()).hexdigest()[:12]


def _result_as_dict(result: "TrainingResult") -> dict[str, Any]:
    return {
        "held_out_loss_before": result.held_out_loss_before,
        "held_out_loss_after": result.held_out_loss_after,
        "losses": result.losses,
        "train_examples": result.train_examples,
        "left_out": result.left_out,
        "seconds": round(result.seconds, 1),
        "tokens_per_second": round(result.tokens_per_second, 1),
        "device": result.device,
    }
