"""Reads files without being led astray: no link is followed, and a FIFO or a device is not waited for."""

import errno
import os
import stat

from ml.index.sources.base import Reason

REFUSED: dict[int | None, Reason] = {errno.ELOOP: "link", errno.ENXIO: "special file"}


def read_regular(path: str, max_bytes: int) -> bytes | Reason:
    """Gives the bytes of a plain file, or the reason why there are none to be had."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
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
