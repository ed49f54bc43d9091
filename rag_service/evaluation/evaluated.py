"""The questions that were evaluated: those of the data set here, else of the run that an MLflow server took in last."""

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
    """Return the held-out examples of the data set that is named, or was made here, or else was trained with last.

    The last is what the MLflow server of mlflow_url knows: none before the first run. Raise DatasetError where there is
    no data set, RegistryError where the server is away.
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
