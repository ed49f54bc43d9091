"""The questions of the evaluation set: from the local data set, else from the last run on an MLflow server."""

from pathlib import Path
from typing import TYPE_CHECKING

from ml.errors import RegistryError
from ml.handover import dataset_folder
from ml.registry import mlflow_http
from ml.training.examples import HELD_OUT, parse_examples, read_examples

if TYPE_CHECKING:
    from ml.settings import Settings
    from ml.training.examples import Example


def held_out(settings: "Settings", dataset: Path | None = None) -> "list[Example]":
    """Return the held-out examples of the given data set, else of the local one, else of the last training run.

    The last run comes from the MLflow server at mlflow_url; there are no examples before the first run. Raise
    DatasetError if there is no data set, RegistryError if the server is unavailable.
    """
    file = (dataset or dataset_folder(settings)) / HELD_OUT
    url = mlflow_http.server_url(settings)
    if dataset or file.is_file() or not url:
        return read_examples(file)
    return _of_last_run(url)


def _of_last_run(url: str) -> "list[Example]":
    from ml.registry.tracking import DATASET

    with mlflow_http.translated(url, RegistryError):
        runs = mlflow_http.list_finished_runs(url, limit=1)
        if not runs:
            return []
        with mlflow_http.open_artifact(url, runs[0], f"{DATASET}/{HELD_OUT}") as reply:
            text = reply.read().decode("utf-8")
    return parse_examples(text, f"the held-out part of run {runs[0]}")
