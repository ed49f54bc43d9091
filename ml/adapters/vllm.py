"""Give vLLM an adapter: a folder that it sees at the same path, and the call that loads it.

The folder is shared with vLLM (llm_adapter_dir), or in vLLM's own pod, where `ml.adapters.sidecar` fills it from MLflow.

Each version has its own name. Replacing an adapter under the same name (`load_inplace`) would change the weights in the
middle of an answer; vLLM 0.32 would also read the folder again at each request, and crash if it is gone (docs/adr/0006).
The base's name goes into the adapter's configuration, for vLLM's filesystem resolver: with
VLLM_LORA_RESOLVER_CACHE_DIR set to that folder, a server and its replicas find adapters again after a restart.
"""

import http.client
import json
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from ml.errors import AdapterError, AdapterNotFoundError
from ml.registry import mlflow_http
from ml.serving.runtime import ADAPTERS
from ml.settings import Settings
from ml.training.result import CONFIG

TIMEOUT = 300.0
LOADED_ALREADY, NOT_THERE = "already been loaded", "No adapter found"
IN_POD = Path(ADAPTERS)  # where the sidecar puts adapters in vLLM's pod
BROUGHT_SECONDS, PAUSE = 300.0, 2.0


def candidate_name(digest: str) -> str:
    """Return the name of an adapter to be evaluated, derived from its weights."""
    return f"candidate-{digest[:12]}"


def offer_adapter(settings: Settings, adapter: Path, name: str) -> Path:
    """Load an adapter (a PEFT folder) into vLLM under a name, and return its path there.

    Raise AdapterError if vLLM can't see it, rejects it or does not answer.
    """
    if settings.llm_adapter_dir:
        place = place_adapter(settings, adapter, name)
        load_adapter(settings, name, place)
        return place
    if not mlflow_http.server_url(settings):
        raise AdapterError("no folder is set that vLLM reads adapters from", "set llm_adapter_dir to one it sees too")
    _base_card(settings)
    _load_once_brought(settings, name)
    return IN_POD / name


def _load_once_brought(settings: Settings, name: str) -> None:
    end = time.monotonic() + BROUGHT_SECONDS
    while True:
        try:
            return load_adapter(settings, name, IN_POD / name)
        except AdapterNotFoundError as error:
            if time.monotonic() > end:
                raise AdapterError(
                    f"{name} was not downloaded from {settings.mlflow_url} into vLLM's pod",
                    "check the log of the pod's container `adapters`, or set llm_adapter_dir to a folder that vLLM sees too",
                ) from error
        time.sleep(PAUSE)


def place_adapter(settings: Settings, adapter: Path, name: str) -> Path:
    """Copy an adapter (a PEFT folder), under its name, to where vLLM sees it, and return that folder.

    Raise AdapterError if no such folder is set, or it can't be written.
    """
    if not settings.llm_adapter_dir:
        raise AdapterError("no folder is set that vLLM reads adapters from", "set llm_adapter_dir to one it sees too")
    shared = Path(settings.llm_adapter_dir).resolve()
    target = shared / name
    if (target / CONFIG).is_file():
        return target
    root = _base_card(settings).get("root")
    try:
        shared.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=shared, prefix=".part-") as scratch:
            part = Path(scratch) / name
            shutil.copytree(adapter, part)
            config = json.loads((part / CONFIG).read_text()) | {"base_model_name_or_path": root}
            (part / CONFIG).write_text(json.dumps(config, indent=1))
            part.rename(target)
    except OSError as error:
        if not (target / CONFIG).is_file():  # else another process was first
            raise AdapterError(f"{shared} can't be written ({error.strerror})", "fix llm_adapter_dir") from error
    return target


def load_adapter(settings: Settings, name: str, folder: Path) -> None:
    """Load an adapter into vLLM, unless it is loaded. Raise AdapterError if vLLM rejects it or does not answer."""
    if name in {card["id"] for card in _cards(settings)}:
        return
    try:
        with _call(settings, "load_lora_adapter", {"lora_name": name, "lora_path": str(folder)}):
            return
    except urllib.error.HTTPError as error:
        said = error.read().decode("utf-8", "replace")
        if LOADED_ALREADY not in said:
            kind = AdapterNotFoundError if NOT_THERE in said else AdapterError
            raise kind(f"vLLM rejects {name}: {_message(said, error.code)}", _cure(error.code)) from error
    except (OSError, http.client.HTTPException) as error:
        raise _away(settings, error) from error


def _base_card(settings: Settings) -> dict[str, Any]:
    found = [card for card in _cards(settings) if card["id"] == settings.llm_model]
    if not found:
        raise AdapterError(f"{settings.llm_url} does not serve {settings.llm_model}", "fix llm_model")
    return found[0]


def _cards(settings: Settings) -> list[dict[str, Any]]:
    try:
        with _call(settings, "models") as reply:
            cards: list[dict[str, Any]] = json.load(reply)["data"]
            return cards
    except urllib.error.HTTPError as error:
        raise AdapterError(
            f"{settings.llm_url} does not list its models: status {error.code}", _cure(error.code)
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise _away(settings, error) from error
    except (ValueError, KeyError, TypeError) as error:
        raise AdapterError(f"{settings.llm_url} is not vLLM", "fix llm_url; it ends in /v1") from error


def _call(settings: Settings, route: str, body: dict[str, str] | None = None) -> http.client.HTTPResponse:
    key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else ""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(  # noqa: S310  # the address is the user's own setting
        f"{(settings.llm_url or '').rstrip('/')}/{route}", json.dumps(body).encode() if body else None, headers
    )
    reply: http.client.HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT)  # noqa: S310
    return reply


def _away(settings: Settings, error: Exception) -> AdapterError:
    return AdapterError(f"vLLM at {settings.llm_url} does not answer ({error})", "start it, or fix llm_url")


def _message(said: str, status: int) -> str:
    try:
        return str(json.loads(said)["error"]["message"]).partition("\n")[0]
    except (ValueError, KeyError, TypeError):
        return f"status {status}"


def _cure(status: int) -> str:
    match status:
        case 401 | 403:
            return "set llm_api_key"
        case 404:
            return (
                "start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True, llm_adapter_dir mounted there"
            )
        case _:
            return "check vLLM's log: is the adapter for this base model, and --max-lora-rank high enough?"
