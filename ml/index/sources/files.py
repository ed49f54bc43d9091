"""The one place where a name in a source becomes a place on the disk, and where a file of a source is opened.

A name that leads elsewhere is none, no link is followed in any part of a path, and a FIFO or a device is not waited for.
"""

import errno
import os
import stat

from ml.index.sources.base import Reason

REFUSED: dict[int | None, Reason] = {errno.ELOOP: "link", errno.ENXIO: "special file"}
LEADING_ELSEWHERE = frozenset(("", ".", ".."))
# Where there is O_PATH, a folder need not be readable to be gone through, as with a plain open.
FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def parts_inside(name: str) -> list[str] | None:
    """Return the parts of a name within a folder, or None where it leads elsewhere: `..`, an absolute path, `a//b`."""
    parts = name.split("/")
    return None if LEADING_ELSEWHERE.intersection(parts) or "\0" in name else parts


def read_regular(path: str, max_bytes: int) -> bytes | Reason:
    """Return the bytes of a plain file, or the reason why there are none to be had.

    `path` is absolute and without links: one that took a folder's place since the walk leads nowhere.
    """
    try:
        descriptor = _open(path)
    except OSError as error:
        return REFUSED.get(error.errno, "unreadable")
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return "special file"
        return os.read(descriptor, status.st_size) if status.st_size <= max_bytes else "too long"
    except OSError:
        return "unreadable"
    finally:
        os.close(descriptor)


def size_of(path: str) -> int:
    """Return a file's length in bytes, 0 where it can't be told: reading it will tell why."""
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _open(path: str) -> int:
    """Open a file folder by folder, each below the one before it, so that nothing can be swapped on the way."""
    *folders, name = [part for part in path.split("/") if part] or [""]
    if not path.startswith("/") or LEADING_ELSEWHERE.intersection((*folders, name)):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
    folder = os.open("/", FOLDER)
    try:
        for part in folders:
            below = os.open(part, FOLDER, dir_fd=folder)
            os.close(folder)
            folder = below
        return os.open(name, FILE, dir_fd=folder)
    finally:
        os.close(folder)
