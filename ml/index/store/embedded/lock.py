"""One writer at a time: a lock that the kernel releases when its holder dies."""

import fcntl
import os
from pathlib import Path

from ml.errors import StoreBusyError
from ml.private import create_private

FILE_NAME = "writer.lock"


class WriterLock:
    """Held from construction until `release`. Raises StoreBusyError while another process or update holds it."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = create_private(folder / FILE_NAME, os.O_RDWR)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise StoreBusyError(
                f"another process{f' (pid {holder})' if holder else ''} is writing to the index at {folder}",
                "wait until it is done, or stop it",
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Release the lock."""
        os.close(self._descriptor)
