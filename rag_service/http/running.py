"""Runs what a question gives, which blocks, in threads, and ends it when the caller goes away."""

import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing, closing
from typing import Final, Generic, TypeVar

import anyio
from anyio.to_thread import run_sync
from fastapi import Request
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from rag_service.answer.asker import Asker
from rag_service.answer.events import Answer, Event
from rag_service.http.admission import Admission

Item = TypeVar("Item")

STOPPING: Final = "the service is stopping"
SELDOM = 0.1  # seconds between two looks whether the caller of a whole answer is still there


class Lane:
    """The threads that questions run in, for those who are admitted."""

    def __init__(self, admission: Admission, threads: int) -> None:
        self._admission = admission
        self._limiter = anyio.CapacityLimiter(threads)  # its own: questions never keep the other routes waiting
        self._is_stopped = False

    def stop(self) -> None:
        """Ends what is running after its next item, because the service stops."""
        self._is_stopped = True

    async def start(self, items: Generator[Item], asker: Asker) -> AsyncGenerator[Item]:
        """Waits for the first item, so that a question that can't be asked is refused before the reply begins."""
        stream = self._stream(items, asker)
        first = await anext(stream, None)
        if first is None:
            raise HTTPException(503, STOPPING)
        return _after(first, stream)

    async def answer(self, events: Generator[Event], asker: Asker, request: Request) -> Answer:
        """Gives the answer. Raises ClientDisconnect, and ends the question, when the caller goes away meanwhile."""
        async with aclosing(self._stream(_seldom(events), asker)) as stream:
            async for event in stream:
                if isinstance(event, Answer):
                    return event
                if await request.is_disconnected():
                    raise ClientDisconnect
        raise HTTPException(503, STOPPING)

    async def run(self, work: Callable[[], Item], asker: Asker) -> Item:
        """Runs what takes one step."""
        async with self._admission.place(asker.name):
            return await run_sync(work, limiter=self._limiter)

    async def _stream(self, items: Generator[Item], asker: Asker) -> AsyncGenerator[Item]:
        guarded = _Guarded(items)
        async with self._admission.place(asker.name):
            try:
                while (
                    not self._is_stopped and (item := await run_sync(guarded.next, limiter=self._limiter)) is not None
                ):
                    yield item
            finally:
                with anyio.CancelScope(shield=True):
                    await run_sync(guarded.close, limiter=self._limiter)


class _Guarded(Generic[Item]):
    """A generator that can be closed while its next item is awaited elsewhere: the close waits for it.

    A task that asyncio cancels leaves its thread running.
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


def _seldom(events: Generator[Event]) -> Generator[Event]:
    """Gives the answer, and until then an event every SELDOM seconds: each costs a change of threads and back."""
    with closing(events):
        last = time.monotonic()
        for event in events:
            if isinstance(event, Answer) or time.monotonic() - last > SELDOM:
                yield event
                last = time.monotonic()


async def _after(first: Item, stream: AsyncGenerator[Item]) -> AsyncGenerator[Item]:
    async with aclosing(stream):
        yield first
        async for item in stream:
            yield item
