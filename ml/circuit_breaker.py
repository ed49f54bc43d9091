"""Circuit breaker: callers fail fast while a server is down or busy."""

import math
import threading
import time

from ml.errors import CodeIntelError


class CircuitBreaker:
    """A thread-safe circuit breaker. After a pause one caller goes through as a probe; success closes the breaker.

    `error` is the type raised for callers that are blocked.
    """

    def __init__(self, error: type[CodeIntelError]) -> None:
        self._error = error
        self._lock = threading.Lock()
        self._until = 0.0
        self._cause = ""

    def enter(self, seconds: float) -> None:
        """Let a caller through, or raise the error; after a probe, the next one is due in `seconds`."""
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                left = math.ceil(self._until - now)
                raise self._error(f"{self._cause}, a moment ago", f"it is retried in {left} s")
            if self._until:
                self._until = now + seconds

    def begin(self, seconds: float, cause: str) -> None:
        """Open the breaker: the server did not answer, because of `cause`."""
        with self._lock:
            self._until, self._cause = time.monotonic() + seconds, cause

    def end(self) -> None:
        """Close the breaker: the server answered."""
        with self._lock:
            self._until = 0.0


def parse_retry_after(retry_after: str, otherwise: float, longest: float) -> float:
    """Parse a Retry-After header into seconds, at most `longest`; `otherwise` if it is missing or a date."""
    return min(float(retry_after), longest) if retry_after.isdecimal() else otherwise
