"""The questions that were evaluated: those of the data set here, else of the run that an MLflow server took in last."""

import http.client
import json
import urllib.error
from pathlib import Path
from typing import TYPE_CHECKING

from ml.errors import RegistryError
from ml.registry import over_http
from ml.training.examples import parse_examples, read_examples
from rag_service.evaluation.files import HELD_OUT, learning

if TYPE_CHECKING:
    from ml.settings import Settings
    from ml.training.examples import Example


def held_out(settings: "Settings", dataset: Path | None = None) -> "list[Example]":
    """Gives the held-out examples of the data set that is named, or was made here, or else was trained with last.

    The last is what the MLflow server of mlflow_url knows: none before the first run. Raises DatasetError where there is
    no data set, RegistryError where the server is away.
    """
    file = (dataset or learning(settings) / "dataset") / HELD_OUT
    url = settings.mlflow_url or ""
    if dataset or file.is_file() or not url.startswith(("http://", "https://")):
        return read_examples(file)
    return _of_last_run(url)


def _of_last_run(url: str) -> "list[Example]":
    from ml.registry.tracking import DATASET

    try:
        run_id = _last_run(url)
        if run_id is None:
            return []
        with over_http.artifact(url, run_id, f"{DATASET}/{HELD_OUT}") as reply:
            text = reply.read().decode("utf-8")
    except urllib.error.HTTPError as error:
        raise RegistryError(f"MLflow at {url}: status {error.code}", "look at it there") from error
    except (OSError, http.client.HTTPException) as error:
        raise RegistryError(f"MLflow at {url} does not answer ({error})", "start it, or unset mlflow_url") from error
    except (ValueError, KeyError) as error:
        raise RegistryError(f"{url} is no MLflow server", "mend mlflow_url") from error
    return parse_examples(text, f"the held-out part of run {run_id}")


def _last_run(url: str) -> str | None:
    from ml.registry.tracking import EXPERIMENT

    try:
        with over_http.get(url, f"{over_http.API}/experiments/get-by-name", {"experiment_name": EXPERIMENT}) as reply:
            experiment = json.load(reply)["experiment"]["experiment_id"]
    except urllib.error.HTTPError as error:
        if over_http.says_none(error):
            return None
        raise
    wanted = {
        "experiment_ids": [experiment],
        "filter": "attributes.status = 'FINISHED'",
        "order_by": ["attributes.start_time DESC"],
        "max_results": 1,
    }
    with over_http.post(url, f"{over_http.API}/runs/search", wanted) as reply:
        runs = json.load(reply).get("runs", [])
    return str(runs[0]["info"]["run_id"]) if runs else None
