"""Run the blocking work of questions in threads, and stop it when the caller disconnects."""

import math
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from typing import Generic, TypeVar

import anyio
from anyio.to_thread import run_sync
from fastapi import Request
from starlette.requests import ClientDisconnect

from ml.errors import CodeIntelError, ServeError
from rag_service.answer.asker import Asker
from rag_service.answer.events import Answer, Event
from rag_service.http.limits.admission import Admission

Item = TypeVar("Item")

SECONDS_TO_CLOSE = 1.0
SELDOM = 0.1  # seconds between checks whether the caller of a complete answer is still connected


class QuestionExecutor:
    """Runs admitted questions in threads."""

    def __init__(self, admission: Admission, threads: int) -> None:
        self._admission = admission
        self._limiter = anyio.CapacityLimiter(
            threads
        )  # its own limiter, so that questions never block the other routes
        self._is_stopped = False
        self._awaiting: set[anyio.CancelScope] = set()

    def stop(self) -> None:
        """Stop running questions at once, because the service stops."""
        self._is_stopped = True
        for scope in list(self._awaiting):
            scope.cancel()

    async def start(
        self, items: Generator[Item], asker: Asker, farewell: Callable[[CodeIntelError], Item]
    ) -> AsyncGenerator[Item]:
        """Wait for the first item, so that an invalid question is rejected before the response begins.

        If the service stops before the last item, `farewell` creates the final one.
        """
        stream = self._stream(items, asker)
        return _after(await anext(stream), stream, farewell)

    async def answer(self, events: Generator[Event], asker: Asker, request: Request) -> Answer:
        """Return the answer. Raise ClientDisconnect, and stop the question, if the caller disconnects meanwhile."""
        async with aclosing(self._stream(_throttle(events), asker)) as stream:
            async for event in stream:
                if isinstance(event, Answer):
                    return event
                if await request.is_disconnected():
                    raise ClientDisconnect
        raise _stopping()

    async def run(self, work: Callable[[], Item], asker: Asker) -> Item:
        """Run a blocking function in one step."""
        async with self._admission.place(asker.name):
            return await run_sync(work, limiter=self._limiter)

    async def _stream(self, items: Generator[Item], asker: Asker) -> AsyncGenerator[Item]:
        """Yield the items. Raise ServeError if the service stops before the last."""
        guarded = _Guarded(items)
        async with self._admission.place(asker.name):
            try:
                while (item := await self._await(guarded.next)) is not None:
                    yield item
            finally:
                # close waits for an LLM's next part; a service that is stopping does not wait that long.
                with anyio.move_on_after(SECONDS_TO_CLOSE if self._is_stopped else math.inf, shield=True):
                    await run_sync(guarded.close, limiter=self._limiter, abandon_on_cancel=True)

    async def _await(self, work: Callable[[], Item | None]) -> Item | None:
        if not self._is_stopped:
            with anyio.CancelScope() as scope:
                self._awaiting.add(scope)
                try:
                    return await run_sync(work, limiter=self._limiter, abandon_on_cancel=True)
                finally:
                    self._awaiting.discard(scope)
        raise _stopping()


def _stopping() -> ServeError:
    return ServeError("the service is stopping", "ask again in a moment")


class _Guarded(Generic[Item]):
    """A generator that can be closed while another thread awaits its next item: close waits for that item.

    Cancelling an asyncio task does not stop its thread.
    """

    def __init__(self, items: Generator[Item]) -> None:
        self._items = items
        self._lock = threading.Lock()

    def next(self) -> Item | None:
        with self._lock:
            return next(self._items, None)

    def close(self) -> None:
        with self._lock:
            self._items.close()


def _throttle(events: Generator[Event]) -> Generator[Event]:
    """Yield the answer, and before it one event per SELDOM seconds: each costs two thread switches."""
    with closing(events):
        last = time.monotonic()
        for event in events:
            if isinstance(event, Answer) or time.monotonic() - last > SELDOM:
                yield event
                last = time.monotonic()


async def _after(
    first: Item, stream: AsyncGenerator[Item], farewell: Callable[[CodeIntelError], Item]
) -> AsyncGenerator[Item]:
    async with aclosing(stream):
        yield first
        try:
            async for item in stream:
                yield item
        except ServeError as error:
            yield farewell(error)
