"""An OpenAI-compatible chat endpoint whose behaviour a test sets: a real HTTP server with every way to fail."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from tests.support.http_double import Handler, serve

Behaviour = Callable[[Handler], None]


@dataclass
class LlmServer:
    """A running endpoint: its address and the requests it received."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def llm_server(*behaviours: Behaviour) -> Iterator[LlmServer]:
    """Run an endpoint whose n-th request gets the n-th behaviour; the last behaviour serves all later requests."""

    class Endpoint(Handler):
        def do_POST(self) -> None:
            running.requests.append(self.read_json())
            behaviours[min(len(running.requests), len(behaviours)) - 1](self)

    with serve(Endpoint) as address:
        running = LlmServer(f"{address}/v1")
        yield running


def says(*parts: str) -> Behaviour:
    """Answer with these parts and finish properly."""

    def answer(handler: Handler) -> None:
        _begin_stream(handler)
        _send(handler, *parts)
        _event(handler, _chunk("", "stop"))
        _event(handler, "[DONE]")

    return answer


def says_once(gate: threading.Event, *parts: str) -> Behaviour:
    """Answer as `says` does, once the gate is open."""

    def answer(handler: Handler) -> None:
        assert gate.wait(60)
        says(*parts)(handler)

    return answer


def pauses(gate: threading.Event, before: str, after: str) -> Behaviour:
    """Answer with a text, and with more of it once the gate is open."""

    def answer(handler: Handler) -> None:
        _begin_stream(handler)
        _send(handler, before)
        assert gate.wait(60)
        _send(handler, after)
        _event(handler, _chunk("", "stop"))
        _event(handler, "[DONE]")

    return answer


def hangs(*parts: str, seconds: float = 30) -> Behaviour:
    """Send these parts, if any, then hang."""

    def answer(handler: Handler) -> None:
        if parts:
            _begin_stream(handler)
            _send(handler, *parts)
        time.sleep(seconds)

    return answer


def trickles(part: str, seconds: float = 30) -> Behaviour:
    """Send the same part repeatedly until the caller disconnects or the time is up."""

    def answer(handler: Handler) -> None:
        _begin_stream(handler)
        end = time.monotonic() + seconds
        with suppress(OSError):
            while time.monotonic() < end:
                _send(handler, part)
                time.sleep(0.02)

    return answer


def breaks_off(*parts: str) -> Behaviour:
    """Send these parts and drop the connection within a chunk."""

    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream")
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        _send(handler, *parts)
        handler.close_connection = True

    return answer


def stops_early(*parts: str) -> Behaviour:
    """Send these parts and end the response cleanly, but without a finish reason."""

    def answer(handler: Handler) -> None:
        _begin_stream(handler)
        _send(handler, *parts)

    return answer


def refuses(
    status: int, body: str = '{"error": {"message": "no"}}', headers: Sequence[tuple[str, str]] = ()
) -> Behaviour:
    """Answer with an error status."""

    def answer(handler: Handler) -> None:
        handler.reply(body.encode(), status, {"Content-Type": "application/json", **dict(headers)})

    return answer


def sends(*events: str, content_type: str = "text/event-stream") -> Behaviour:
    """Answer 200 with these events, whatever they are."""

    def answer(handler: Handler) -> None:
        _begin_stream(handler, content_type)
        for event in events:
            _event(handler, event)

    return answer


def _begin_stream(handler: Handler, content_type: str = "text/event-stream") -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.close_connection = True


def _send(handler: Handler, *parts: str) -> None:
    for part in parts:
        _event(handler, _chunk(part, None))


def _event(handler: Handler, data: str) -> None:
    handler.wfile.write(f"data: {data}\n\n".encode())
    handler.wfile.flush()


def _chunk(text: str, finish_reason: str | None) -> str:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return json.dumps({"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]})
