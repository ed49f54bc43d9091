"""Follow an MLflow server: download the adapter deployed as Production into this data folder.

Plain HTTP, because the service's installation does not contain MLflow; the server proxies the artifact store.
"""

import http.client
import logging
import shutil
import threading
import urllib.error
from pathlib import Path
from typing import TYPE_CHECKING

from ml.adapters.backends import open_backend
from ml.adapters.pointer import (
    PART,
    Pointer,
    adapters_folder,
    parse_pointer,
    published_path,
    read_pointer,
    write_pointer,
)
from ml.errors import AdapterError
from ml.private import private_folder
from ml.registry.mlflow_http import find_production, open_artifact, server_url, translated
from ml.training.base_model import file_digest

if TYPE_CHECKING:
    from ml.settings import Settings

log = logging.getLogger(__name__)


class Follower:
    """Poll the registry in a background thread; log each failure once, and retry."""

    def __init__(self, settings: "Settings", url: str) -> None:
        self._settings, self._url = settings, url
        self._stopped = threading.Event()
        self._said = ""
        self._thread = threading.Thread(target=self._run, name="adapter", daemon=True)

    def start(self) -> None:
        """Start polling."""
        self._thread.start()

    def stop(self) -> None:
        """Stop polling, after the current poll."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                self._say(f"in force: {follow(self._settings, self._url)}", logging.INFO)
            except AdapterError as error:
                self._say(str(error), logging.WARNING)
            self._stopped.wait(self._settings.llm_adapter_poll)

    def _say(self, text: str, level: int) -> None:
        if text != self._said:
            log.log(level, "adapter %s", text)
        self._said = text


def open_follower(settings: "Settings") -> Follower | None:
    """Return a follower of the configured MLflow server, or None if there is nothing to follow."""
    url = server_url(settings)
    wanted = (
        open_backend(settings).takes_adapters and settings.llm_adapter == "production" and settings.llm_adapter_poll
    )
    return Follower(settings, url) if wanted and url else None


def follow(settings: "Settings", url: str) -> int:
    """Put the Production version of an MLflow server in force here, and return its number (0: the base model alone).

    Raise AdapterError if the server is unavailable, or the version was not deployed; the previous adapter then stays.
    """
    with translated(url, AdapterError):
        found = find_production(url)
    if found is None:
        write_pointer(settings, None)
        return 0
    version, run_id = found
    if _is_in_force(settings, version, run_id):
        return version
    name = open_backend(settings).artifact
    pointer = parse_pointer(_artifact(url, run_id, name).read(), f"{name} of run {run_id}")
    if pointer.file:
        _download(settings, url, pointer)
    write_pointer(settings, pointer)
    return version


def _is_in_force(settings: "Settings", version: int, run_id: str) -> bool:
    try:
        present = read_pointer(settings)
    except AdapterError:
        return False
    return present is not None and (present.version, present.run_id) == (version, run_id)


def _download(settings: "Settings", url: str, pointer: Pointer) -> None:
    folder = adapters_folder(settings)
    target = folder / Path(pointer.file).name
    part = target.with_name(target.name + PART)
    try:
        private_folder(folder)
        with _artifact(url, pointer.run_id, published_path(target.name)) as reply, part.open("wb") as file:
            shutil.copyfileobj(reply, file)
        if file_digest(part) != pointer.digest:
            raise AdapterError(
                f"adapter {pointer.version} was damaged on download from {url}", "the download is retried"
            )
        part.replace(target)
    except (OSError, http.client.HTTPException) as error:
        raise AdapterError(
            f"adapter {pointer.version} can't be downloaded from {url} ({error})", "the download is retried"
        ) from error


def _artifact(url: str, run_id: str, path: str) -> http.client.HTTPResponse:
    with translated(url, AdapterError):
        try:
            return open_artifact(url, run_id, path)
        except urllib.error.HTTPError as error:
            raise AdapterError(
                f"run {run_id}, whose adapter is Production, has no {path}", "deploy it with `codeintel promote`"
            ) from error
