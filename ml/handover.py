"""Where each stage of the learning loop leaves what the next one takes, in the data folder."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.settings import Settings

CANDIDATE, BASE, PAGE = "candidate.json", "base.json", "report.html"


def learning_folder(settings: "Settings") -> Path:
    """Return the folder of the learning loop."""
    return Path(settings.data_dir) / "learning"


def dataset_folder(settings: "Settings") -> Path:
    """Return the folder of the question-answer pairs; the files' names: `ml.training.examples`."""
    return learning_folder(settings) / "dataset"


def runs_folder(settings: "Settings") -> Path:
    """Return the folder in which each training run has one of its own."""
    return learning_folder(settings) / "runs"


def repetitions_folder(settings: "Settings") -> Path:
    """Return the folder of repeated runs, apart from those that are evaluated and promoted."""
    return learning_folder(settings) / "repetitions"


def pipelines_folder(settings: "Settings") -> Path:
    """Return the folder of the pipelines' artifacts and log."""
    return learning_folder(settings) / "pipelines"


def reports_folder(settings: "Settings") -> Path:
    """Return the folder of the reports: BASE, CANDIDATE and what was Production beside them, and PAGE."""
    return learning_folder(settings) / "reports"


def production_report(reports: Path, version: int) -> Path:
    """Return the file of the report on a version that was Production when another was measured."""
    return reports / f"production-{version}.json"


def drift_file(settings: "Settings") -> Path:
    """Return the file of the last figures about drift, which `/metrics` shows."""
    return reports_folder(settings) / "drift.json"


def last_run(settings: "Settings") -> Path | None:
    """Return the folder of the training run that finished last, None where there is none."""
    finished = sorted(runs_folder(settings).rglob("result.json"), key=lambda file: file.stat().st_mtime)
    return finished[-1].parent if finished else None
