"""Repeat a training run from its record in MLflow."""

from dataclasses import dataclass
from pathlib import Path

from ml.errors import RegistryError
from ml.registry.tracking import LoggedRun, differing_packages, logged_data, read_run
from ml.settings import Settings
from ml.training.base_model import open_base_model
from ml.training.job import Progress, train
from ml.training.result import TrainingResult


@dataclass(frozen=True, slots=True)
class Repetition:
    """A repeated run beside the logged one; `packages` lists those whose version differs, as (then, now)."""

    logged: LoggedRun
    result: TrainingResult
    packages: dict[str, tuple[str, str]]

    def agrees(self, tolerance: float = 0.01) -> bool:
        """Return whether the held-out losses agree, within a relative tolerance."""
        then, now = self.logged.held_out_loss, self.result.held_out_loss_after
        return abs(now - then) <= tolerance * then


def repeat(address: str, run_id: str, output: Path, settings: Settings, progress: Progress = print) -> Repetition:
    """Train again with the data set, recipe and seed of a logged run, into `output`.

    Raise RegistryError if the run does not exist, or the configured base model is another one.
    """
    logged = read_run(address, run_id)
    base = open_base_model(settings.base_model)
    if base.digest != logged.base_digest:
        raise RegistryError(
            f"run {run_id} was trained on another {logged.base} than {base.path}", "set base_model to that one"
        )
    output.mkdir(parents=True, exist_ok=True)
    result = train(logged_data(address, run_id, output), base, logged.recipe, output / "run", settings, progress)
    return Repetition(logged, result, differing_packages(logged))
