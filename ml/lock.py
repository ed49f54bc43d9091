"""One holder at a time: a lock file that the kernel releases when its holder dies."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from ml.errors import CodeIntelError
from ml.private import create_private


class Lock:
    """Held from construction until `release`, or the end of a `with` block.

    While another process or thread holds it, construction raises the error that `busy` makes of the holder, such as
    " (pid 42)", or "" if it is unknown. Raise OSError if the file can't be opened.
    """

    def __init__(self, file: Path, busy: Callable[[str], CodeIntelError]) -> None:
        self._descriptor = create_private(file, os.O_RDWR)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(self._descriptor, 20, 0).decode(errors="replace").strip()
            os.close(self._descriptor)
            raise busy(f" (pid {holder})" if holder else "") from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Release the lock."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
