"""Where the learning loop's files lie."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.settings import Settings

HELD_OUT = "held_out.jsonl"


def learning(settings: "Settings") -> Path:
    """Gives the folder of the learning loop, in the data folder."""
    return Path(settings.data_dir) / "learning"


def reports(settings: "Settings") -> Path:
    """Gives the folder of the reports."""
    return learning(settings) / "reports"


def drift_file(settings: "Settings") -> Path:
    """Gives where the last figures about drift are kept, which `/metrics` shows."""
    return reports(settings) / "drift.json"
