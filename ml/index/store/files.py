"""Files that survive a kill and a full disk: atomic writes, checksums, copies that keep holes as holes."""

import errno
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ml.errors import StoreError, StoreFullError

BLOCK = 1 << 16
ZEROS = bytes(BLOCK)
# The engine writes these anew whenever it opens a shard, with the same content in another order.
REWRITTEN = ("edge_config.json", "segment.json")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SQLITE_FULL, SQLITE_IO = 13, 10


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a file must be: its size and CRC-32. One whose size and time of change are as noted need not be read."""

    size: int
    changed: int
    crc: int


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Translates the errors of writing below a folder into StoreFullError and StoreError."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise full(folder) from error
        raise StoreError(
            f"can't use the index at {folder} ({error.strerror})", "mend that, or name another folder with --store"
        ) from error
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF in (SQLITE_FULL, SQLITE_IO):
            raise full(folder) from error
        raise StoreError(
            f"can't write to the index at {folder} ({error})", "mend that, or name another folder with --store"
        ) from error


def full(folder: Path) -> StoreFullError:
    """Gives the error of a disk without room."""
    return StoreFullError(
        f"no room left on the disk of {folder} (the index stays as it was)",
        "make room, then run the same command again",
    )


def write_atomically(path: Path, content: bytes) -> None:
    """Replaces a file so that anyone who reads it, after a power cut too, finds the old or the new content."""
    new = path.with_name(path.name + ".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_tree(folder: Path) -> None:
    """Makes every file below a folder durable."""
    for place, _, names in os.walk(folder):
        for name in names:
            sync_folder(Path(place, name))
        sync_folder(Path(place))


def checksums(folder: Path) -> dict[str, Checksum]:
    """Gives relative path -> checksum of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): Checksum(path.stat().st_size, path.stat().st_mtime_ns, crc(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def damaged(folder: Path, expected: Mapping[str, Checksum]) -> str | None:
    """Gives the first file that is not what its checksum says, or None.

    A file is read only where its size or its time of change differ from what was noted.
    """
    return next((name for name, checksum in expected.items() if not _is_intact(folder / name, checksum)), None)


def _is_intact(path: Path, expected: Checksum) -> bool:
    try:
        found = path.stat()
        if path.name not in REWRITTEN and found.st_size != expected.size:
            return False
        return found.st_mtime_ns == expected.changed or crc(path) == expected.crc
    except (OSError, ValueError):
        return False


def crc(path: Path) -> int:
    """Gives a CRC-32 of a file, the same whether stretches of zeros are stored or are holes."""
    if path.name in REWRITTEN:
        return zlib.crc32(json.dumps(json.loads(path.read_bytes()), sort_keys=True).encode())
    total = 0
    with path.open("rb") as file:
        for offset, block in stored_blocks(file.fileno()):
            total = zlib.crc32(block, zlib.crc32(offset.to_bytes(8, "little"), total))
    return total


def copy(source: Path, target: Path) -> None:
    """Copies a file; holes stay holes."""
    with source.open("rb") as old, target.open("wb") as new:
        os.ftruncate(new.fileno(), os.fstat(old.fileno()).st_size)
        for offset, block in stored_blocks(old.fileno()):
            os.pwrite(new.fileno(), block, offset)


def stored_blocks(descriptor: int) -> Iterator[tuple[int, bytes]]:
    """Gives offset and content of each block of a file that is not all zeros."""
    offset, size = 0, os.fstat(descriptor).st_size
    while offset < size:
        try:
            stored = os.lseek(descriptor, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # nothing but a hole up to the end
                return
            raise
        offset = max(offset, stored - stored % BLOCK)
        block = os.pread(descriptor, BLOCK, offset)
        if block != ZEROS[: len(block)]:
            yield offset, block
        offset += BLOCK
