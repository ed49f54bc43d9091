"""An MLflow server by plain HTTP: for the service and vLLM's sidecar, whose installations do not contain MLflow.

Functions raise urllib's errors, and ValueError or KeyError if the server is not MLflow; `translated` turns both into
errors of ours.
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

from ml.errors import CodeIntelError
from ml.settings import Settings

API = "api/2.0/mlflow"
TIMEOUT = 30.0
NO_SUCH = frozenset(("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"))


def server_url(settings: Settings) -> str:
    """Return the address of the configured MLflow server, or "" if none is set or it is a database."""
    url = settings.mlflow_url or ""
    return url if url.startswith(("http://", "https://")) else ""


@contextmanager
def translated(url: str, kind: type[CodeIntelError]) -> Iterator[None]:
    """Translate errors of a server that is down, rejects the request or is not MLflow."""
    try:
        yield
    except urllib.error.HTTPError as error:
        raise kind(f"MLflow at {url}: status {error.code}", "check it there") from error
    except (OSError, http.client.HTTPException) as error:
        raise kind(f"MLflow at {url} does not answer ({error})", "start it, or unset mlflow_url") from error
    except (ValueError, KeyError) as error:
        raise kind(f"{url} is not an MLflow server", "fix mlflow_url") from error


def find_production(url: str) -> tuple[int, str] | None:
    """Return the Production version and its run, or None for the base model alone."""
    from ml.registry.versions import NAME, PRODUCTION  # imported lazily: it is slow

    found = _known(url, "registered-models/alias", {"name": NAME, "alias": PRODUCTION})
    return (int(found["model_version"]["version"]), str(found["model_version"]["run_id"])) if found else None


def list_finished_runs(url: str, limit: int) -> list[str]:
    """Return the finished training runs, newest first."""
    from ml.registry.tracking import EXPERIMENT

    experiment = _known(url, "experiments/get-by-name", {"experiment_name": EXPERIMENT})
    if experiment is None:
        return []
    wanted = {
        "experiment_ids": [experiment["experiment"]["experiment_id"]],
        "filter": "attributes.status = 'FINISHED'",
        "order_by": ["attributes.start_time DESC"],
        "max_results": limit,
    }
    headers = {"Content-Type": "application/json"}
    address = f"{url.rstrip('/')}/{API}/runs/search"
    with _open(urllib.request.Request(address, json.dumps(wanted).encode(), headers)) as reply:  # noqa: S310  # http(s)
        return [str(run["info"]["run_id"]) for run in json.load(reply).get("runs", [])]


def list_artifacts(url: str, run_id: str, folder: str) -> list[str]:
    """Return the paths of the files in a folder of a run's artifacts; none if it does not exist."""
    listed = _known(url, "artifacts/list", {"run_id": run_id, "path": folder}) or {}
    return [str(file["path"]) for file in listed.get("files", []) if not file["is_dir"]]


def open_artifact(url: str, run_id: str, path: str) -> http.client.HTTPResponse:
    """Open a file of a run, through the server's artifact proxy."""
    return _get(url, "get-artifact", {"path": path, "run_uuid": run_id})


def _known(url: str, route: str, query: Mapping[str, str]) -> dict[str, Any] | None:
    """Return a server's reply, or None if it says that there is no such thing."""
    try:
        with _get(url, f"{API}/{route}", query) as reply:
            found: dict[str, Any] = json.load(reply)
            return found
    except urllib.error.HTTPError as error:
        if _says_none(error):
            return None
        raise


def _get(url: str, route: str, query: Mapping[str, str]) -> http.client.HTTPResponse:
    return _open(urllib.request.Request(f"{url.rstrip('/')}/{route}?{urlencode(query)}"))  # noqa: S310  # http(s) only


def _says_none(error: urllib.error.HTTPError) -> bool:
    try:
        return json.load(error)["error_code"] in NO_SUCH
    except (ValueError, KeyError, TypeError):
        return False


def _open(request: urllib.request.Request) -> http.client.HTTPResponse:
    reply: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310  # as above
    return reply
