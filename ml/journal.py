"""An append-only journal: one JSON object per line, in a private file, with rotated files beside it.

Several processes may write at once. A line is durable once `append` returns; a line that a crash cut short is skipped,
and never joined to the next.
"""

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml.errors import RecordError
from ml.private import create_private, private_folder

NEWLINE = b"\n"


def append(file: Path, about: Mapping[str, Any], *, max_bytes: int, keep: int) -> None:
    """Append a line with the time and these values, and wait until it is on the disk.

    A file of more than `max_bytes` is first rotated to `NAME-TIME.jsonl`; the newest `keep` of those stay (0: all).
    Raise RecordError if it can't be written.
    """
    line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), **about}, ensure_ascii=False)
    try:
        private_folder(file.parent)
        with _locked(file) as descriptor:
            size = _write(descriptor, line.encode("utf-8", "replace") + NEWLINE)
            if size > max_bytes:
                _put_aside(file, keep)
    except OSError as error:
        cure = "free some disk space, or set data_dir to a writable folder"
        raise RecordError(f"{file} can't be written ({error.strerror})", cure) from error


def read(file: Path) -> Iterator[dict[str, Any]]:
    """Yield every complete line, oldest first; none if the file does not exist. Raise RecordError if it can't be read."""
    for part in (*_older(file), file):
        try:
            with part.open(encoding="utf-8", errors="replace") as lines:
                yield from _objects(lines)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise RecordError(f"{part} can't be read ({error.strerror})", "let this user read it") from error


def _objects(lines: Iterator[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


def _older(file: Path) -> list[Path]:
    return sorted(file.parent.glob(f"{file.stem}-*{file.suffix}"))


@contextmanager
def _locked(file: Path) -> Iterator[int]:
    """Open and lock the file; open it again if it was rotated meanwhile."""
    while True:
        descriptor = create_private(file, os.O_RDWR | os.O_APPEND)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(file, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_at(file: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _write(descriptor: int, line: bytes) -> int:
    """Write a line, after ending one that was cut short, and return the file's size."""
    before = os.fstat(descriptor).st_size
    if before and os.pread(descriptor, 1, before - 1) != NEWLINE:
        line = NEWLINE + line
    if os.write(descriptor, line) < len(line):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    os.fdatasync(descriptor)
    return before + len(line)


def _put_aside(file: Path, keep: int) -> None:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    file.rename(file.with_name(f"{file.stem}-{stamp}{file.suffix}"))
    for old in _older(file)[:-keep] if keep else ():
        old.unlink()
