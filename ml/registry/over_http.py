"""An MLflow server by plain HTTP: what the service reads there, whose installation holds no MLflow."""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

API = "api/2.0/mlflow"
TIMEOUT = 30.0
NO_SUCH = frozenset(("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"))


def get(url: str, route: str, query: Mapping[str, str]) -> http.client.HTTPResponse:
    """Gives what a server answers at a route. Raises HTTPError, OSError, HTTPException."""
    return _open(urllib.request.Request(f"{url.rstrip('/')}/{route}?{urlencode(query)}"))  # noqa: S310  # http(s) only


def post(url: str, route: str, body: Mapping[str, Any]) -> http.client.HTTPResponse:
    """Gives what a server answers to a body; raises as `get`."""
    headers = {"Content-Type": "application/json"}
    address = f"{url.rstrip('/')}/{route}"
    return _open(urllib.request.Request(address, json.dumps(body).encode(), headers))  # noqa: S310  # http(s) only


def artifact(url: str, run_id: str, path: str) -> http.client.HTTPResponse:
    """Gives a file of a run, which the server passes on from wherever it lies; raises as `get`."""
    return get(url, "get-artifact", {"path": path, "run_uuid": run_id})


def says_none(error: urllib.error.HTTPError) -> bool:
    """Says whether what was asked for is not there, and the server is well."""
    try:
        return json.load(error)["error_code"] in NO_SUCH
    except (ValueError, KeyError, TypeError):
        return False


def _open(request: urllib.request.Request) -> http.client.HTTPResponse:
    reply: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310  # as above
    return reply
