"""An endpoint that did not answer is left alone for a while: readers get their evidence at once and need not wait in turn."""

import math
import threading
import time
from functools import cache

from ml.errors import ModelError


class Rest:
    """Whether an endpoint is asked. After a rest one question goes through; the others follow when that is answered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until = 0.0
        self._cause = ""

    def enter(self, seconds: float) -> None:
        """Lets a question through, or raises ModelError; the next one comes through `seconds` after one that tries."""
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                left = math.ceil(self._until - now)
                raise ModelError(f"{self._cause}, a moment ago", f"it is asked again in {left} s")
            if self._until:
                self._until = now + seconds

    def begin(self, seconds: float, cause: str) -> None:
        """Notes that the endpoint did not answer, and why."""
        with self._lock:
            self._until, self._cause = time.monotonic() + seconds, cause

    def end(self) -> None:
        """Notes that it answered."""
        with self._lock:
            self._until = 0.0


@cache
def rest_of(url: str) -> Rest:
    """Gives the state of the endpoint at an address, one for the whole process."""
    return Rest()
