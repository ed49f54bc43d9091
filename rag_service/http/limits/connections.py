"""The connections of a server: how many there may be, how long a request may take to arrive, which one goes first.

A connection costs its peer nothing, so none may be held for free: over the limit the oldest that sends no request is
closed, of the address that holds most of them, and a request has to arrive whole within its time. What answers is
left alone.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from rag_service.http.errors import error_response

# Longer than proxies and clients keep an idle connection (60 s as a rule): where both let go of it at once, a question is lost.
IDLE_SECONDS = 75
REST_SECONDS = 10  # for the body of a request that was answered before it came: the client reads the answer after it
SECONDS_BETWEEN_WARNINGS = 60.0
RUSH_BYTES = 4 * 1024 * 1024
RUSH_CONNECTIONS = 256

log = logging.getLogger(__name__)


class Phase(Enum):
    """What a connection is at."""

    HEAD = auto()  # new, or in the middle of a request's head
    BODY = auto()
    ANSWER = auto()
    REST = auto()  # the body still comes though the request is answered
    IDLE = auto()  # kept alive for the next request


@dataclass(frozen=True, slots=True)
class Limits:
    """What connections may take: their number, the seconds for a head and for a body, the bytes of all bodies."""

    connections: int
    head_seconds: float
    body_seconds: float
    body_bytes: int

    def seconds(self, phase: Phase) -> float:
        """Return how long a connection may stay in a phase without an end of its own."""
        return {Phase.HEAD: self.head_seconds, Phase.BODY: self.body_seconds, Phase.REST: REST_SECONDS}.get(
            phase, IDLE_SECONDS
        )


class Connections:
    """All connections of a server. Used from the event loop's thread only."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.held = 0  # bytes of requests that are not answered yet
        self._is_rush = False
        self._all: set[Connection] = set()
        self._waiting: dict[str, dict[Connection, None]] = {}  # for a request, by address, the longest first
        self._next_warning = 0.0

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: "Connection") -> None:
        """Take a new connection in, and close the oldest that waits where there are too many."""
        self._all.add(connection)
        self._is_rush = self._is_rush or len(self._all) > RUSH_CONNECTIONS
        if len(self._all) > self.limits.connections:
            self.make_room(1)

    def discard(self, connection: "Connection") -> None:
        """Forget a connection."""
        self._all.discard(connection)
        self.wait(connection, False)
        self.hold(connection, 0)

    def wait(self, connection: "Connection", is_waiting: bool) -> None:
        """Note whether a connection waits for its peer, so that it may be closed when there are too many."""
        of_address = self._waiting.setdefault(connection.address, {})
        of_address.pop(connection, None)
        if is_waiting:
            of_address[connection] = None
        elif not of_address:
            del self._waiting[connection.address]

    def make_room(self, count: int) -> None:
        """Close the connections that have waited longest, of the address that holds most."""
        for _ in range(count):
            address = max(self._waiting, key=lambda address: len(self._waiting[address]), default=None)
            if address is None:
                break
            next(iter(self._waiting[address])).cut()
        self._warn(f"{len(self._all)} connections, the most there may be: the oldest that send nothing are closed")

    def hold(self, connection: "Connection", size: int) -> None:
        """Note how many bytes of a request a connection holds."""
        self.held += size - connection.held
        self._is_rush = self._is_rush or self.held > RUSH_BYTES
        connection.held = size

    def check_memory(self, newest: "Connection", *, is_early: bool) -> None:
        """Close the largest unfinished request while all hold too much; a next one that comes early is unfinished too."""
        while self.held > self.limits.body_bytes:
            unfinished = [one for one in self._all if one.phase is Phase.BODY or (one is newest and is_early)]
            if not unfinished:
                break
            max(unfinished, key=lambda one: one.held).cut(503, "too many requests are being sent at once")
            self._warn(f"requests hold more than {self.limits.body_bytes:,} bytes: the largest unfinished are refused")

    def close_late(self, most: float = float("inf")) -> None:
        """Close the connections whose time is over, or that have waited for more than `most` seconds."""
        now = time.monotonic()
        for connection in list(self._all):
            connection.close_if_late(now, most)

    def is_rush_over(self) -> bool:
        """Return once after a rush, when it is over, that much memory may be free."""
        is_over = self._is_rush and self.held < RUSH_BYTES // 2 and len(self._all) < RUSH_CONNECTIONS // 2
        self._is_rush = self._is_rush and not is_over
        return is_over

    def _warn(self, message: str) -> None:
        if time.monotonic() >= self._next_warning:
            self._next_warning = time.monotonic() + SECONDS_BETWEEN_WARNINGS
            log.warning(message)


class Connection(H11Protocol):
    """One connection: uvicorn's own, with deadlines and counted."""

    def __init__(
        self,
        connections: Connections,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._among = connections
        self._since = self._stalled_since = 0.0
        self.phase = Phase.HEAD
        self.address = ""
        self.held = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the time for the first request."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self._since = time.monotonic()
        self._among.wait(self, True)
        self._among.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Give the place back."""
        self._among.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take the next part of a request."""
        is_early = self.phase is Phase.ANSWER
        super().data_received(data)
        if self.transport.is_closing():
            return
        self._enter(self._phase(Phase.HEAD))
        if self.phase in (Phase.BODY, Phase.ANSWER):
            self._among.hold(self, self.held + len(data))
            self._among.check_memory(self, is_early=is_early)

    def on_response_complete(self) -> None:
        """Wait for the next request, or for the rest of this one."""
        self.cycle.body = bytearray()
        self._among.hold(self, 0)
        super().on_response_complete()
        if not self.transport.is_closing():
            self._enter(self._phase(Phase.HEAD if self.conn.trailing_data[0] else Phase.IDLE))

    def pause_writing(self) -> None:
        """Start the time for the peer to read."""
        super().pause_writing()
        self._stalled_since = time.monotonic()

    def resume_writing(self) -> None:
        """Stop the time for the peer to read."""
        super().resume_writing()
        self._stalled_since = 0.0

    def close_if_late(self, now: float, most: float) -> None:
        """Close the connection where its time is over, or it has waited for more than `most` seconds."""
        if self.transport.is_closing():  # until the peer has read what was written
            self._stalled_since = self._stalled_since or now
        if self._stalled_since:
            if now - self._stalled_since > IDLE_SECONDS:
                self.cut()
        elif self.phase is not Phase.ANSWER and now - self._since > min(most, self._among.limits.seconds(self.phase)):
            in_time = f"within {self._among.limits.seconds(self.phase):g} seconds"
            self.cut(*((408, f"the request was not sent {in_time}") if self._is_begun() else ()))

    def cut(self, status: int = 0, cause: str = "") -> None:
        """Close the connection at once, with a refusal where its request is not answered yet."""
        self._among.discard(self)
        if status and not (self.cycle and self.cycle.response_started and self.phase is not Phase.HEAD):
            self.transport.write(_refusal(self.scope["path"] if self.phase is Phase.BODY else "", status, cause))
        self.transport.close() if not self.transport.get_write_buffer_size() else self.transport.abort()

    def _is_begun(self) -> bool:
        return self.phase is Phase.BODY or (self.phase is Phase.HEAD and bool(self.conn.trailing_data[0]))

    def _phase(self, between: Phase) -> Phase:
        """Return what the connection is at; `between` two requests the caller knows better."""
        if self.conn.their_state is h11.IDLE:
            return between
        if self.conn.their_state is not h11.SEND_BODY:
            return Phase.ANSWER
        return Phase.REST if self.conn.our_state in (h11.DONE, h11.MUST_CLOSE) else Phase.BODY

    def _enter(self, phase: Phase) -> None:
        if phase is not self.phase:
            self.phase, self._since = phase, time.monotonic()
            self._among.wait(self, phase is not Phase.ANSWER)


def _refusal(path: str, status: int, cause: str) -> bytes:
    """Return a whole response, for a request that the application will not see."""
    response = error_response(path, status, cause)
    head = h11.Response(status_code=status, headers=[*response.raw_headers, (b"connection", b"close")])
    speaker = h11.Connection(h11.SERVER)
    return (speaker.send(head) or b"") + bytes(response.body)


def protocol(connections: Connections) -> Callable[..., asyncio.Protocol]:
    """Return what makes a connection for uvicorn."""

    def make(**arguments: Any) -> Connection:
        return Connection(connections, **arguments)

    return make
