"""A server that stays reachable: uvicorn with limited connections, deadlines and a log that can't be flooded."""

import asyncio
import logging
import math
import socket
import time
from typing import Any, cast

import anyio
import uvicorn
from anyio.to_thread import run_sync
from starlette.types import ASGIApp

from ml.settings import Settings
from rag_service.http.limits.connections import IDLE_SECONDS, Connections, protocol
from rag_service.http.limits.resources import BACKLOG, give_memory_back, limits

SECONDS_TO_END = 5  # for answers still in progress after the deadline
SECONDS_TO_ARRIVE = 2.0  # for a request in progress when the server stops
QUEUE = 2048  # connections that the kernel queues until they are accepted
TICKS_A_SWEEP = 5  # of uvicorn, ten per second
SECONDS_BETWEEN_SAME = 10.0


class ResilientServer(uvicorn.Server):
    """A server that withstands malicious clients."""

    def __init__(self, app: ASGIApp, settings: Settings, *, seconds_to_finish: float) -> None:
        self.connections = Connections(limits(settings))
        config = uvicorn.Config(
            app,
            http=cast("type[asyncio.Protocol]", protocol(self.connections)),
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            backlog=BACKLOG,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=math.ceil(seconds_to_finish) + SECONDS_TO_END,
        )
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, with a long accept queue."""
        asyncio.get_running_loop().set_exception_handler(self._take_exception)
        logging.getLogger("uvicorn.error").addFilter(RATE_LIMIT)
        await super().startup(sockets)
        for listening in sockets or ():
            listening.listen(QUEUE)

    async def on_tick(self, counter: int) -> bool:
        """Close connections over their deadline, and release memory after a rush."""
        if counter % TICKS_A_SWEEP == 0:
            self.connections.close_late()
            if self.connections.is_rush_over():
                await run_sync(give_memory_back)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop without waiting for requests that never arrive."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._close_waiting)
            await super().shutdown(sockets)
            tasks.cancel_scope.cancel()

    async def _close_waiting(self) -> None:
        while True:
            self.connections.close_late(SECONDS_TO_ARRIVE)
            await anyio.sleep(0.1)

    def _take_exception(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Close connections when out of file descriptors; asyncio retries, but logs a traceback each time."""
        if str(context.get("message", "")).startswith("socket.accept() out of system resource"):
            self.connections.make_room(1)
        else:
            loop.default_exception_handler(context)


class _RateLimit(logging.Filter):
    """Rate-limits repeated warnings, because a peer controls how often they occur."""

    def __init__(self) -> None:
        super().__init__()
        self._next: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether a record is to be logged."""
        now = time.monotonic()
        if record.levelno != logging.WARNING or record.args:
            return True
        if now < self._next.get(record.getMessage(), 0.0):
            return False
        self._next[record.getMessage()] = now + SECONDS_BETWEEN_SAME
        return True


RATE_LIMIT = _RateLimit()
