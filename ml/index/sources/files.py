"""Reads files without being led astray: no link is followed, and a FIFO or a device is not waited for."""

import errno
import os
import stat

from ml.index.sources.base import Reason


def read_regular(path: str, max_bytes: int) -> bytes | Reason:
    """Gives the bytes of a plain file, or the reason why there are none to be had."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return {errno.ELOOP: "link", errno.ENXIO: "special file"}.get(error.errno or 0, "unreadable")  # type: ignore[return-value]
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return "special file"
        try:
            content = file.read(max_bytes + 1) if status.st_size <= max_bytes else None
        except OSError:
            return "unreadable"
    return "too long" if content is None or len(content) > max_bytes else content
