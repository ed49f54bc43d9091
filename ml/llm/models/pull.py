"""Pull a model, and remove it. Nothing else downloads one; a pull that was stopped goes on where it stopped."""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from ml.atomic import move_into_place
from ml.errors import ModelError
from ml.llm.models.catalogue import Model
from ml.llm.models.folder import ModelFolder
from ml.llm.models.origin import BLOCK, Origin
from ml.lock import Lock
from ml.private import create_private, private_folder

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
RESERVE = 100_000_000  # what a pull leaves free

Progress = Callable[[str, int, int], None]  # what is done now, bytes done, bytes in all


def pull(model: Model, folder: ModelFolder, origin: Origin, progress: Progress) -> Path:
    """Bring a model's file here, whole and with the catalogue's digest, and return it; do nothing if it is here.

    Raise ModelError. What was pulled stays for the next attempt, except a whole file with a wrong digest.
    """
    with _disk_errors(folder.path):
        private_folder(folder.path)
        with _locked(model, folder):
            target = folder.file(model)
            if _is_good(folder, model, target):
                return target
            part = folder.part(model)
            _fetch(model, part, origin, progress)
            _check(model, part, origin, progress)
            move_into_place(part, target)
            folder.trust(model, target)
            return target


def remove(model: Model, folder: ModelFolder) -> int:
    """Remove a model's file, or what was pulled of it, and return the bytes freed. Raise ModelError if there is none."""
    with _disk_errors(folder.path):
        found = [file for file in (folder.file(model), folder.part(model)) if file.is_file()]
        if not found:
            raise ModelError(f"{model.name} was not pulled", "see: codeintel model list")
        with _locked(model, folder):
            freed = sum(file.stat().st_size for file in found)
            for file in found:
                file.unlink()
            folder.forget(model)
            return freed


def _locked(model: Model, folder: ModelFolder) -> Lock:
    return Lock(folder.path / f"{model.name}.lock", lambda holder: _busy(model, holder))


def _busy(model: Model, holder: str) -> ModelError:
    return ModelError(f"another process{holder} is pulling {model.name}", "wait until it is done, or stop it")


def _is_good(folder: ModelFolder, model: Model, target: Path) -> bool:
    if not target.is_file():
        return False
    try:
        folder.check(model, target)
    except ModelError:
        return False
    return True


def _fetch(model: Model, part: Path, origin: Origin, progress: Progress) -> None:
    """Append to the part of the file that is here until it has the model's size."""
    with os.fdopen(create_private(part, os.O_RDWR), "r+b") as file:
        done = origin.resume_at(min(os.fstat(file.fileno()).st_size, model.size))
        _check_room(part.parent, model, done, origin)
        file.truncate(done)
        file.seek(done)
        progress(f"pulling {model.name}", done, model.size)
        if done == model.size:
            return
        with closing(origin.read(done)) as blocks:
            for block in blocks:
                done += len(block)
                if done > model.size:
                    break
                file.write(block)
                progress(f"pulling {model.name}", done, model.size)
    if done != model.size:
        raise ModelError(
            f"{origin.name} sent {done:,} bytes of {model.name}, not {model.size:,}", "pull it again, or use --from"
        )


def _check_room(folder: Path, model: Model, done: int, origin: Origin) -> None:
    needed = model.size - done + origin.scratch_bytes + RESERVE
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelError(
            f"{model.name} needs {needed / 1e9:.1f} GB more on the disk of {folder}, and {free / 1e9:.1f} GB are free",
            "free some space, remove a model (codeintel model remove), or set data_dir to another disk",
        )


def _check(model: Model, part: Path, origin: Origin, progress: Progress) -> None:
    """Raise ModelError, and remove the file, if its digest is not the catalogue's."""
    digest, done = hashlib.sha256(), 0
    with part.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            done += len(block)
            progress(f"checking {model.name}", done, model.size)
    found = digest.hexdigest()
    if found != model.sha256:
        part.unlink()
        raise ModelError(
            f"what {origin.name} sent {model.unlike(found)}; it was removed",
            "pull it again, or from another place, see --from",
        )


@contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    """Translate errors of the disk into ModelError."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise ModelError(
                f"no room left on the disk of {folder} (what was pulled stays)",
                "free some space, then run the command again: it goes on where it stopped",
            ) from error
        raise ModelError(
            f"{folder} can't be written ({error.strerror})", "set data_dir to a folder that this user may write to"
        ) from error
