"""Files that survive a kill and a full disk: atomic writes, checksums, sparse copies."""

import errno
import json
import os
import sqlite3
import stat
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ml.atomic import flush_to_disk
from ml.errors import StoreError, StoreFullError

BLOCK = 1 << 16
ZEROS = bytes(BLOCK)
# The engine rewrites these whenever it opens a shard, with the same content in another order.
REWRITTEN = ("edge_config.json", "segment.json")
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
OTHERWISE = "fix that, or choose another folder with --store"
LET_IN = "make that folder readable and writable for this user, or choose another one with --store"
FEWER = "raise the limit of open files (ulimit -n), then run the command again"
CURES = {
    errno.EACCES: LET_IN,
    errno.EPERM: LET_IN,
    errno.EROFS: "choose a writable folder with --store, or mount this one read-write",
    errno.EMFILE: FEWER,
    errno.ENFILE: FEWER,
    errno.ENOMEM: "free some memory, then run the command again",
    errno.EIO: "check whether the disk is failing (dmesg), or choose a folder on another disk with --store",
}
# SQLite's primary codes: PERM, NOMEM, READONLY, IOERR, FULL, CANTOPEN. IOERR can also mean a full disk.
SQLITE_ERRORS = {3: errno.EACCES, 7: errno.ENOMEM, 8: errno.EROFS, 10: errno.ENOSPC, 13: errno.ENOSPC, 14: errno.EACCES}
# A file that is missing or of another type is damage; other read errors say nothing about its content.
GONE = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP)
# Always read, whatever the modification time: bit rot does not change it, and the engine trusts what it parses.
ALWAYS_READ, ALWAYS_READ_TOGETHER = 1 << 20, 16 << 20


@dataclass(frozen=True, slots=True)
class Checksum:
    """A file's expected size and CRC-32. A file whose size and modification time are unchanged need not be read."""

    size: int
    changed: int
    crc: int


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Translate I/O errors below a folder into StoreFullError and StoreError, never into damage."""
    try:
        yield
    except OSError as error:
        raise system_failure(folder, error.errno or 0) from error
    except MemoryError as error:
        raise system_failure(folder, errno.ENOMEM) from error
    except sqlite3.OperationalError as error:
        raise system_failure(folder, SQLITE_ERRORS.get(error.sqlite_errorcode & 0xFF, 0), str(error)) from error


def system_failure(folder: Path, number: int, said: str = "") -> StoreError:
    """Return the error for a failed system call by its errno (0 if unknown)."""
    if number in FULL:
        return disk_full(folder)
    why = said or (os.strerror(number) if number else "the system call failed")
    return StoreError(f"can't use the index at {folder} ({why})", CURES.get(number, OTHERWISE))


def disk_full(folder: Path) -> StoreFullError:
    """Return the error for a full disk."""
    return StoreFullError(
        f"no room left on the disk of {folder} (the index stays as it was)",
        "free some space, then run the command again",
    )


def sync_tree(folder: Path) -> None:
    """Flush every file below a folder to disk."""
    for place, _, names in os.walk(folder):
        for name in names:
            flush_to_disk(Path(place, name))
        flush_to_disk(Path(place))


def checksums(folder: Path) -> dict[str, Checksum]:
    """Return relative path -> checksum of every file below a folder."""
    return {
        path.relative_to(folder).as_posix(): Checksum(path.stat().st_size, path.stat().st_mtime_ns, crc(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def damaged(folder: Path, expected: Mapping[str, Checksum]) -> str | None:
    """Return the first file that does not match its checksum, or None. Raise OSError if one can't be read.

    Small files are always read, large ones only if their size or modification time differ from the record.
    """
    found = {name: _regular(folder / name) for name in expected}
    sizes = {name: about.st_blocks * 512 for name, about in found.items() if about}
    most = ALWAYS_READ if sum(sizes.values()) > ALWAYS_READ_TOGETHER else ALWAYS_READ_TOGETHER
    return next(
        (
            name
            for name, about in found.items()
            if not about or not _is_intact(folder / name, about, expected[name], sizes[name] <= most)
        ),
        None,
    )


def _regular(path: Path) -> os.stat_result | None:
    """Return a regular file's status; None if it is missing or of another type."""
    try:
        found = path.stat()
    except OSError as error:
        if error.errno in GONE:
            return None
        raise
    return found if stat.S_ISREG(found.st_mode) else None


def _is_intact(path: Path, found: os.stat_result, expected: Checksum, read: bool) -> bool:
    if path.name not in REWRITTEN and found.st_size != expected.size:
        return False
    if not read and found.st_mtime_ns == expected.changed:
        return True
    try:
        return crc(path) == expected.crc
    except ValueError:
        return False
    except OSError as error:
        if error.errno in GONE:
            return False
        raise


def crc(path: Path) -> int:
    """Return a CRC-32 of a file, independent of whether zeros are stored or are holes."""
    if path.name in REWRITTEN:
        return zlib.crc32(json.dumps(json.loads(path.read_bytes()), sort_keys=True).encode())
    total = 0
    with path.open("rb") as file:
        for offset, block in stored_blocks(file.fileno()):
            total = zlib.crc32(block, zlib.crc32(offset.to_bytes(8, "little"), total))
    return total


def copy(source: Path, target: Path) -> None:
    """Copy a file and keep its holes."""
    with source.open("rb") as old, target.open("wb") as new:
        os.ftruncate(new.fileno(), os.fstat(old.fileno()).st_size)
        for offset, block in stored_blocks(old.fileno()):
            os.pwrite(new.fileno(), block, offset)


def stored_blocks(descriptor: int) -> Iterator[tuple[int, bytes]]:
    """Yield (offset, content) of each block of a file that is not all zeros."""
    offset, size = 0, os.fstat(descriptor).st_size
    while offset < size:
        try:
            stored = os.lseek(descriptor, offset, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole up to the end
                return
            raise
        offset = max(offset, stored - stored % BLOCK)
        block = os.pread(descriptor, BLOCK, offset)
        if block != ZEROS[: len(block)]:
            yield offset, block
        offset += BLOCK
