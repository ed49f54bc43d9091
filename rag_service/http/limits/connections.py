"""Limit a server's connections: their number, the time for a request to arrive, and which one is closed first.

Connections cost a peer nothing, so none may be held for free: over the limit, the oldest one without a request is
closed, of the address with most of them, and a request has to arrive completely in time. Connections that are being
answered are left alone.
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

# Longer than proxies and clients keep idle connections (usually 60 s): if both close one at the same time, a question is lost.
IDLE_SECONDS = 75
REST_SECONDS = (
    10  # for the rest of a request that was answered early: the client reads the answer only after sending it
)
SECONDS_BETWEEN_WARNINGS = 60.0
RUSH_BYTES = 4 * 1024 * 1024
RUSH_CONNECTIONS = 256

log = logging.getLogger(__name__)


class Phase(Enum):
    """The phase of a connection."""

    HEAD = auto()  # new, or receiving a request's head
    BODY = auto()
    ANSWER = auto()
    REST = auto()  # the request is answered, but its body is still arriving
    IDLE = auto()  # idle, kept alive for the next request


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of connections: their number, seconds for a head and for a body, total bytes of all bodies."""

    connections: int
    head_seconds: float
    body_seconds: float
    body_bytes: int

    def seconds(self, phase: Phase) -> float:
        """Return how long a connection may stay in a phase that does not end by itself."""
        return {Phase.HEAD: self.head_seconds, Phase.BODY: self.body_seconds, Phase.REST: REST_SECONDS}.get(
            phase, IDLE_SECONDS
        )


class Connections:
    """All connections of a server. Not thread-safe: use it only on the event loop."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.held = 0  # bytes of unanswered requests
        self._is_rush = False
        self._all: set[Connection] = set()
        self._waiting: dict[str, dict[Connection, None]] = {}  # for a request, by address, longest first
        self._next_warning = 0.0

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: "Connection") -> None:
        """Add a new connection, and close the oldest waiting one if there are too many."""
        self._all.add(connection)
        self._is_rush = self._is_rush or len(self._all) > RUSH_CONNECTIONS
        if len(self._all) > self.limits.connections:
            self.make_room(1)

    def discard(self, connection: "Connection") -> None:
        """Remove a connection."""
        self._all.discard(connection)
        self.wait(connection, False)
        self.hold(connection, 0)

    def wait(self, connection: "Connection", is_waiting: bool) -> None:
        """Record whether a connection waits for its peer, so that it may be closed if there are too many."""
        of_address = self._waiting.setdefault(connection.address, {})
        of_address.pop(connection, None)
        if is_waiting:
            of_address[connection] = None
        elif not of_address:
            del self._waiting[connection.address]

    def make_room(self, count: int) -> None:
        """Close the longest waiting connections of the address with most of them."""
        for _ in range(count):
            address = max(self._waiting, key=lambda address: len(self._waiting[address]), default=None)
            if address is None:
                break
            next(iter(self._waiting[address])).cut()
        self._warn(f"limit of {len(self._all)} connections reached: closing the oldest that send nothing")

    def hold(self, connection: "Connection", size: int) -> None:
        """Record how many bytes of a request a connection holds."""
        self.held += size - connection.held
        self._is_rush = self._is_rush or self.held > RUSH_BYTES
        connection.held = size

    def check_memory(self, newest: "Connection", *, is_early: bool) -> None:
        """Close the largest unfinished request while the total is too large; a pipelined request is unfinished, too."""
        while self.held > self.limits.body_bytes:
            unfinished = [one for one in self._all if one.phase is Phase.BODY or (one is newest and is_early)]
            if not unfinished:
                break
            max(unfinished, key=lambda one: one.held).cut(503, "too many requests are being sent at once")
            self._warn(
                f"requests hold more than {self.limits.body_bytes:,} bytes: rejecting the largest unfinished ones"
            )

    def close_late(self, most: float = float("inf")) -> None:
        """Close the connections that are over their deadline, or have waited for more than `most` seconds."""
        now = time.monotonic()
        for connection in list(self._all):
            connection.close_if_late(now, most)

    def is_rush_over(self) -> bool:
        """Return True once after a rush of connections, when much memory may be free."""
        is_over = self._is_rush and self.held < RUSH_BYTES // 2 and len(self._all) < RUSH_CONNECTIONS // 2
        self._is_rush = self._is_rush and not is_over
        return is_over

    def _warn(self, message: str) -> None:
        if time.monotonic() >= self._next_warning:
            self._next_warning = time.monotonic() + SECONDS_BETWEEN_WARNINGS
            log.warning(message)


class Connection(H11Protocol):
    """uvicorn's connection, counted and with deadlines."""

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
        """Start the deadline for the first request."""
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        self._since = time.monotonic()
        self._among.wait(self, True)
        self._among.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Remove the connection from the count."""
        self._among.discard(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Receive the next part of a request."""
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
        """Start the deadline for the peer to read."""
        super().pause_writing()
        self._stalled_since = time.monotonic()

    def resume_writing(self) -> None:
        """Stop the deadline for the peer to read."""
        super().resume_writing()
        self._stalled_since = 0.0

    def close_if_late(self, now: float, most: float) -> None:
        """Close the connection if it is over its deadline, or has waited for more than `most` seconds."""
        if self.transport.is_closing():  # until the peer has read the output
            self._stalled_since = self._stalled_since or now
        if self._stalled_since:
            if now - self._stalled_since > IDLE_SECONDS:
                self.cut()
        elif self.phase is not Phase.ANSWER and now - self._since > min(most, self._among.limits.seconds(self.phase)):
            in_time = f"within {self._among.limits.seconds(self.phase):g} seconds"
            self.cut(*((408, f"the request did not arrive {in_time}") if self._is_begun() else ()))

    def cut(self, status: int = 0, cause: str = "") -> None:
        """Close the connection at once, with an error response if its request is not answered yet."""
        self._among.discard(self)
        if status and not (self.cycle and self.cycle.response_started and self.phase is not Phase.HEAD):
            self.transport.write(_refusal(self.scope["path"] if self.phase is Phase.BODY else "", status, cause))
        self.transport.close() if not self.transport.get_write_buffer_size() else self.transport.abort()

    def _is_begun(self) -> bool:
        return self.phase is Phase.BODY or (self.phase is Phase.HEAD and bool(self.conn.trailing_data[0]))

    def _phase(self, between: Phase) -> Phase:
        """Return the current phase; the caller passes `between` for the phase between two requests."""
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
    """Return a complete response to a request that the application will not receive."""
    response = error_response(path, status, cause)
    head = h11.Response(status_code=status, headers=[*response.raw_headers, (b"connection", b"close")])
    speaker = h11.Connection(h11.SERVER)
    return (speaker.send(head) or b"") + bytes(response.body)


def protocol(connections: Connections) -> Callable[..., asyncio.Protocol]:
    """Return a protocol factory for uvicorn."""

    def make(**arguments: Any) -> Connection:
        return Connection(connections, **arguments)

    return make
