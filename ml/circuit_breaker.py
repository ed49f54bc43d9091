"""Servers that are away or busy: who asks is told at once, and asks again when they say so."""

import math
import threading
import time

from ml.errors import CodeIntelError


class CircuitBreaker:
    """Whether a server is asked. After a rest one caller goes through; the others follow when that one is answered.

    Safe to use from several threads. `error` is what those get who may not ask.
    """

    def __init__(self, error: type[CodeIntelError]) -> None:
        self._error = error
        self._lock = threading.Lock()
        self._until = 0.0
        self._cause = ""

    def enter(self, seconds: float) -> None:
        """Let a caller through, or raises the error; the next one comes through `seconds` after one that tries."""
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                left = math.ceil(self._until - now)
                raise self._error(f"{self._cause}, a moment ago", f"it is asked again in {left} s")
            if self._until:
                self._until = now + seconds

    def begin(self, seconds: float, cause: str) -> None:
        """Note that the server did not answer, and why."""
        with self._lock:
            self._until, self._cause = time.monotonic() + seconds, cause

    def end(self) -> None:
        """Note that it answered."""
        with self._lock:
            self._until = 0.0


def seconds_asked(retry_after: str, otherwise: float, longest: float) -> float:
    """Return the seconds to wait by a Retry-After header, at most `longest`; `otherwise` where it names none (or a date)."""
    return min(float(retry_after), longest) if retry_after.isdecimal() else otherwise
