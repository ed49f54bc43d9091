"""Cheap connections must not cost the service: no key, half a head, half a body, unread answers."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from ml.settings import Settings
from rag_service.http.limits import connections
from tests.hostile.serving import PATIENCE, Served, many_connections, pulse, serve, talk
from tests.support.service import serving

HALF_HEAD = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HALF_BODY = (
    b'POST /api/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{"q'
)
HALF_OPEN = (b"", HALF_HEAD, HALF_BODY)
LARGEST = 4 * 1024 * 1024


@pytest.fixture
def small(indexed: Settings, tmp_path: Path) -> Iterator[Served]:
    with serve(indexed, tmp_path, open_files=1024) as served:
        yield served


def test_half_open_connections_leave_it_alive(small: Served) -> None:
    """More connections than open files: it answers meanwhile, logs little, and stops on request."""
    with pulse(small.url), many_connections(small.port, 1_500, HALF_OPEN):
        found = httpx.post(f"{small.url}/api/search", json={"query": "shopping cart"}, timeout=20)
        assert found.json()[0]["file_path"] == "web/cart.ts"
        time.sleep(1)
    with many_connections(small.port, 600, HALF_OPEN):
        small.stop(10)
    assert small.log.stat().st_size < 10_000
    assert "Traceback" not in small.log.read_text()


def test_large_bodies_share_a_limit_and_memory_is_freed(indexed: Settings, tmp_path: Path) -> None:
    head = HALF_BODY.replace(b"900", str(LARGEST).encode())
    with serve(indexed, tmp_path) as served:
        httpx.post(f"{served.url}/api/search", json={"query": "shopping cart"})
        before = served.memory
        with pulse(served.url), many_connections(served.port, 120, (head + b"x" * (LARGEST - 100),)):
            highest = served.memory
        assert highest < before + 250_000_000
        end = time.monotonic() + 60
        while served.memory > before * 1.1:
            assert time.monotonic() < end, (before, served.memory)
            time.sleep(0.2)


@pytest.fixture
def hasty(indexed: Settings) -> Iterator[int]:
    """Yield the port of a service that expects heads and bodies within a second."""
    with serving(indexed.model_copy(update={"head_timeout": 1.0, "body_timeout": 1.0})) as url:
        yield int(url.rpartition(":")[2])


@pytest.mark.parametrize("begun", [HALF_HEAD, HALF_BODY])
def test_a_trickling_request_is_cut_off(hasty: int, begun: bytes) -> None:
    """The timeout is for the whole request: a byte now and then does not extend it."""
    started = time.monotonic()
    reply = talk(hasty, begun, *[b"x"] * 100, pause=0.2, seconds=30)
    assert time.monotonic() - started < 10
    assert not reply or reply.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    ("begun", "status"), [(b"", b""), (HALF_HEAD, b"HTTP/1.1 408 "), (HALF_BODY, b"HTTP/1.1 408 ")]
)
def test_a_request_that_stalls_gets_a_timeout(hasty: int, begun: bytes, status: bytes) -> None:
    assert talk(hasty, begun).startswith(status)


def test_an_answered_request_whose_body_never_ends_is_closed(
    indexed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REST_SECONDS", 1.0)
    too_long = HALF_BODY.replace(b"900", b"9000000")
    with serving(indexed) as url:
        started = time.monotonic()
        reply = talk(int(url.rpartition(":")[2]), too_long, *[b"x"] * 30, pause=0.2, seconds=30)
        assert time.monotonic() - started < 15
    assert not reply or reply.startswith(b"HTTP/1.1 413 ")


def test_an_answer_that_nobody_reads_is_aborted(indexed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "IDLE_SECONDS", 1.0)
    with serving(indexed) as url, socket.socket() as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(("127.0.0.1", int(url.rpartition(":")[2])))
        deaf.settimeout(20)
        request = b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n"
        with pytest.raises(OSError):  # noqa: PT011  # reset or broken pipe: what matters is that it ends
            while True:
                deaf.sendall(request * 100)


def test_the_key_is_asked_for_before_the_body(indexed: Settings) -> None:
    """The rejection comes even if the body never does."""
    with serving(indexed.model_copy(update={"api_key": SecretStr("right-key")})) as url:
        port = int(url.rpartition(":")[2])
        for path in (b"/api/ask", b"/v1/chat/completions", b"/nothing", b"/api/file"):
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as connection:
                connection.sendall(HALF_BODY.replace(b"/api/ask", path))
                assert connection.recv(65536).startswith(b"HTTP/1.1 401 "), path
