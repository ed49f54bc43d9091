"""Path resolution and file access for sources: the only place where a source's names become paths on disk.

Names that lead outside are rejected, links are not followed in any part of a path, and FIFOs and devices never block.
"""

import errno
import os
import stat

from ml.index.sources.base import Reason

REFUSED: dict[int | None, Reason] = {errno.ELOOP: "link", errno.ENXIO: "special file"}
LEADING_ELSEWHERE = frozenset(("", ".", ".."))
# With O_PATH a folder can be traversed without being readable, as in a plain open.
FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def parts_inside(name: str) -> list[str] | None:
    """Return the parts of a name within a folder, or None if it leads elsewhere: `..`, an absolute path, `a//b`."""
    parts = name.split("/")
    return None if LEADING_ELSEWHERE.intersection(parts) or "\0" in name else parts


def read_regular(path: str, max_bytes: int) -> bytes | Reason:
    """Return the bytes of a regular file, or the reason why it can't be read.

    `path` is absolute and without links; a link that has replaced a folder since the walk is not followed.
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
    """Return a file's size in bytes, or 0 if it is unknown; reading the file will report why."""
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0


def _open(path: str) -> int:
    """Open a file component by component, each relative to its parent, so that no folder can be swapped meanwhile."""
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
