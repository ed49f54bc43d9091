"""Temporary folders for one run. The next run removes what a killed one left behind."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import platformdirs

from ml.errors import SourceError
from ml.private import create_private, private_folder


def cache_folder(name: str) -> Path:
    """Return a folder of the user's cache; create it if needed. Raise SourceError if that fails."""
    folder = Path(platformdirs.user_cache_dir("codeintel", appauthor=False)) / name
    try:
        private_folder(folder.parent)
        private_folder(folder)
    except OSError as error:
        raise SourceError(
            f"the cache folder {folder} can't be written ({error.strerror})", "set XDG_CACHE_HOME to another folder"
        ) from error
    return folder


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield an empty folder that is removed at the end."""
    parent = cache_folder("scratch")
    _sweep(parent)
    with tempfile.NamedTemporaryFile(dir=parent, suffix=".lock", delete=False) as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        folder = Path(lock.name).with_suffix("")
        try:
            folder.mkdir(mode=0o700)
            yield folder
        finally:
            _remove(folder)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold the lock file; wait while another process holds it."""
    with os.fdopen(create_private(file, os.O_WRONLY | os.O_APPEND), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _sweep(parent: Path) -> None:
    """Remove the folders whose owner is dead, which released its lock."""
    for file in parent.glob("*.lock"):
        with file.open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            _remove(file.with_suffix(""))


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.with_suffix(".lock").unlink(missing_ok=True)
