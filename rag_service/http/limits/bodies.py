"""Buffer request bodies before the application runs, and reject those too large to parse quickly."""

import re

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rag_service.http.errors import error_response

MAX_BODY_BYTES = 4 * 1024 * 1024
TOO_LONG = f"a request may contain at most {MAX_BODY_BYTES // 1024 // 1024} MiB"
# Python's JSON parser holds the GIL: this many values take 10 ms and 5 MB. A chat of 1,000 messages with 100 tool
# descriptions has half as many.
MAX_VALUES = 20_000
TOO_MANY = f"a request may contain at most {MAX_VALUES:,} values"
TWO_LENGTHS = "a request may have a Content-Length or a Transfer-Encoding, not both"
HALF_CHARACTER = "the body contains a lone surrogate, half a character"
ESCAPED = rb"\ud"
PAIR = re.compile(rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}")
SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
NO_UTF8 = "the body is not JSON in UTF-8"


class BodyBuffer:
    """Middleware that reads the body of a request, rejects it if it is too large, and passes it on in one part."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or reject it."""
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        told = headers.get("content-length", "")
        if told in ("", "0") and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        if (
            told and "transfer-encoding" in headers
        ):  # two lengths allow request smuggling: proxy and service may use different ones
            await error_response(scope["path"], 400, TWO_LENGTHS, headers={"Connection": "close"})(scope, receive, send)
            return
        body = None if _is_too_long(told) else await _read(receive)
        if body is _LEFT:
            return
        if refusal := refusal_of(body):
            await error_response(scope["path"], *refusal)(scope, receive, send)
        else:
            await self._app(scope, _replay(body or b"", receive), send)


_LEFT = b"the client left"


def _is_too_long(told: str) -> bool:
    return told.isdecimal() and (len(told) > len(str(MAX_BODY_BYTES)) or int(told) > MAX_BODY_BYTES)


async def _read(receive: Receive) -> bytes | None:
    """Return the whole body, None if it is too long, _LEFT if the client disconnects."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return _LEFT
        body += message.get("body", b"")
        if len(body) > MAX_BODY_BYTES:
            return None
        if not message.get("more_body", False):
            return bytes(body)


def refusal_of(body: bytes | None) -> tuple[int, str] | None:
    """Return status and cause if a body must be rejected, else None."""
    if body is None:
        return 413, TOO_LONG
    if ESCAPED in body.lower() and _has_lone_surrogate(body):
        return 400, HALF_CHARACTER
    if len(body) <= MAX_VALUES:
        return None
    if b"\0" in body:  # in UTF-16 or UTF-32, in which quotes can't be found
        return 400, NO_UTF8
    return (413, TOO_MANY) if _values(body) > MAX_VALUES else None


def _has_lone_surrogate(body: bytes) -> bool:
    return bool(SURROGATE.search(PAIR.sub(b"", body.replace(rb"\\", b""))))


def _values(body: bytes) -> int:
    """Estimate the number of values in a JSON text: its commas, braces and brackets outside strings."""
    unescaped = body.replace(rb"\\", b"").replace(rb"\"", b"")
    if unescaped.count(b'"') > 4 * MAX_VALUES:
        return MAX_VALUES + 1
    outside = b"".join(unescaped.split(b'"')[::2])
    return sum(map(outside.count, (b",", b"[", b"{")))


def _replay(body: bytes, receive: Receive) -> Receive:
    """Return an ASGI receive function that first returns the body, then the client's messages."""
    is_given = False

    async def replay() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
