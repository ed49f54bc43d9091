"""Limit the questions that run, that wait, and that belong to one caller.

Further ones are rejected at once with Retry-After, so that nothing piles up.
"""

import math
import time
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
from fastapi import Request
from starlette.exceptions import HTTPException

from ml.settings import Settings
from rag_service.answer.asker import Asker

FIRST_GUESS = 2.0  # seconds per question, before one was answered
WEIGHT = 0.1  # of the latest question in the moving average
MOST_SECONDS = 60


def identify_asker(request: Request) -> Asker:
    """Return the caller: the user that the proxy sends in the configured header, or else the network address."""
    header = request.app.state.settings.caller_header
    named = request.headers.get(header, "").strip() if header else ""
    name = named[:200] or (request.client.host if request.client else "")
    return Asker(name, request.headers.get("traceparent", ""))


class Admission:
    """The slots of a service. Not thread-safe: use it only on the event loop."""

    def __init__(self, settings: Settings) -> None:
        self._most_running, self._most_waiting = settings.max_running, settings.max_waiting
        self._most_of_one = settings.max_per_caller
        self._slots = anyio.Semaphore(self._most_running)
        self._callers: Counter[str] = Counter()
        self._seconds = FIRST_GUESS

    @property
    def running(self) -> int:
        """The number of questions being answered."""
        return self._most_running - self._slots.value

    @property
    def waiting(self) -> int:
        """The number of questions waiting for a slot."""
        return self._callers.total() - self.running

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncGenerator[None]:
        """Wait for a slot and hold it for the block.

        Raise HTTPException 429, with Retry-After, if too many are waiting or the caller holds too many slots.
        """
        self._check(caller)
        self._callers[caller] += 1
        try:
            async with self._slots:
                started = time.monotonic()
                try:
                    yield
                finally:
                    self._seconds += WEIGHT * (time.monotonic() - started - self._seconds)
        finally:
            self._callers[caller] -= 1
            self._callers += Counter()  # drops callers without a slot

    def _check(self, caller: str) -> None:
        if self._most_of_one and self._callers[caller] >= self._most_of_one:
            self._refuse(f"{self._most_of_one} of your questions are already running", 1)
        if self._slots.value == 0 and self.waiting >= self._most_waiting:
            self._refuse(f"{self._most_waiting} questions are already waiting", self.waiting / self._most_running)

    def _refuse(self, cause: str, rounds: float) -> None:
        seconds = min(MOST_SECONDS, max(1, math.ceil(self._seconds * rounds)))
        raise HTTPException(429, cause, {"Retry-After": str(seconds)})
