"""Paths in the data folder by which stages of the learning loop hand over their results."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.settings import Settings

CANDIDATE, BASE, PAGE = "candidate.json", "base.json", "report.html"


def learning_folder(settings: "Settings") -> Path:
    """Return the folder of the learning loop."""
    return Path(settings.data_dir) / "learning"


def dataset_folder(settings: "Settings") -> Path:
    """Return the folder of the question-answer pairs; `ml.training.examples` names its files."""
    return learning_folder(settings) / "dataset"


def runs_folder(settings: "Settings") -> Path:
    """Return the folder that contains a folder for each training run."""
    return learning_folder(settings) / "runs"


def repetitions_folder(settings: "Settings") -> Path:
    """Return the folder of repeated runs, separate from those to be evaluated and promoted."""
    return learning_folder(settings) / "repetitions"


def pipelines_folder(settings: "Settings") -> Path:
    """Return the folder of the pipelines' artifacts and log."""
    return learning_folder(settings) / "pipelines"


def reports_folder(settings: "Settings") -> Path:
    """Return the folder of the reports: BASE, CANDIDATE, those on Production versions, and PAGE."""
    return learning_folder(settings) / "reports"


def production_report(reports: Path, version: int) -> Path:
    """Return the file of the report on the version that was Production when a candidate was evaluated."""
    return reports / f"production-{version}.json"


def drift_file(settings: "Settings") -> Path:
    """Return the file of the latest drift figures, which `/metrics` exposes."""
    return reports_folder(settings) / "drift.json"


def last_run(settings: "Settings") -> Path | None:
    """Return the folder of the training run that finished last, or None if there is none."""
    finished = sorted(runs_folder(settings).rglob("result.json"), key=lambda file: file.stat().st_mtime)
    return finished[-1].parent if finished else None
