"""Read answers and feedback from Langfuse, which receives the assistants' traces (docs/adr/0010), by its public API.

`GET /api/public/v2/observations` lists spans in Langfuse 4 (its API reference, "observations"; seen in the source of
4.4); the endpoint that lists traces answers 404 there. It returns the newest first, with cursor pagination. A span's
`input.value` comes as `input`, `output.value` as `output`, `user.id` as `userId`, and every attribute but the first two as
`metadata["attributes.NAME"]`, parsed if it is JSON.
"""

import base64
import http.client
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, ValidationError

from ml.circuit_breaker import parse_retry_after
from ml.errors import RecordError
from ml.records import Line, attribute

if TYPE_CHECKING:
    from ml.settings import Settings

ROUTE = "/api/public/v2/observations"
PAGE = 100  # answers are long; Langfuse allows up to 1,000
TIMEOUT = 60.0  # seconds
TRIES = 5
SOME_SECONDS, LONGEST_PAUSE = 2.0, 60.0
BUSY = frozenset((429, 503))


class _Span(BaseModel):
    id: str
    start_time: str = Field(alias="startTime")
    end_time: str | None = Field(None, alias="endTime")
    user: str | None = Field(None, alias="userId")
    input: str | None = None
    output: str | None = None
    metadata: dict[str, Any] = {}

    def line(self, kind: "_Kind") -> Line | None:
        """Return the line that the span represents, or None if another program sent it."""
        held = {name: self.metadata[key] for name in kind.attributes if (key := _key(name)) in self.metadata}
        if "id" not in held:
            return None
        texts = {name: getattr(self, column) or "" for name, column in kind.columns.items()}
        ended = self.end_time or self.start_time
        return {"time": ended, "caller": self.user or "", **texts, **held, "id": str(held["id"])}


class _Meta(BaseModel):
    cursor: str | None = None


class _Page(BaseModel):
    data: list[_Span]
    meta: _Meta


@dataclass(frozen=True, slots=True)
class _Kind:
    """How a kind of record maps to a span: its name, its fields in Langfuse's columns, and those in attributes."""

    span: str
    columns: dict[str, str]
    attributes: tuple[str, ...]


ANSWERS = _Kind(
    "answer",
    {"question": "input", "answer": "output"},
    tuple("id where evidence citations model tokens timings found dropped notices complete".split()),
)
FEEDBACK = _Kind("feedback", {"comment": "input"}, ("id", "verdict"))


@dataclass(frozen=True, slots=True)
class LangfuseRecords:
    """The records of one Langfuse project, which the keys select."""

    url: str
    public_key: str
    secret_key: str = field(repr=False)

    def answers(self, *, since: datetime | None = None, ids: Container[str] | None = None) -> Iterator[Line]:
        """Return the answers."""
        return self._lines(ANSWERS, since, ids)

    def feedback(self, *, since: datetime | None = None) -> Iterator[Line]:
        """Return the feedback."""
        return self._lines(FEEDBACK, since)

    def place(self) -> str:
        """Return the address, after checking that it answers."""
        self._page({"limit": "1"})
        return str(self)

    def __str__(self) -> str:
        return f"Langfuse at {self.url}"

    def _lines(self, kind: _Kind, since: datetime | None, ids: Container[str] | None = None) -> Iterator[Line]:
        lines = {}
        for span in self._spans(kind, since):
            line = span.line(kind)
            if line and (ids is None or line["id"] in ids):
                lines[span.id] = line  # a span that was sent twice is listed twice until ClickHouse merges the two
        yield from sorted(lines.values(), key=itemgetter("time"))

    def _spans(self, kind: _Kind, since: datetime | None) -> Iterator[_Span]:
        wanted = {
            "name": kind.span,
            "fields": "core,basic,io,metadata",
            "expandMetadata": ",".join(map(_key, kind.attributes)),  # other values may be truncated to 200 characters
            "limit": str(PAGE),
        }
        if since:
            wanted["fromStartTime"] = since.isoformat(timespec="milliseconds")
        while True:
            page = self._page(wanted)
            yield from page.data
            if not page.meta.cursor:
                return
            wanted["cursor"] = page.meta.cursor

    def _page(self, wanted: dict[str, str]) -> _Page:
        try:
            return _Page.model_validate_json(self._read(f"{self.url}{ROUTE}?{urllib.parse.urlencode(wanted)}", TRIES))
        except urllib.error.HTTPError as error:
            cause, cure = _refusal(error.code)
            raise RecordError(f"{self} {cause}", cure) from error
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise RecordError(f"{self} does not answer ({reason})", "start it, or fix langfuse_url") from error
        except ValidationError as error:
            raise RecordError(f"{self} does not answer as Langfuse 4 does", "fix langfuse_url") from error

    def _read(self, address: str, tries: int) -> bytes:
        """Return the response body of an address; retry a busy one when it asks for that."""
        key = base64.b64encode(f"{self.public_key}:{self.secret_key}".encode()).decode()
        request = urllib.request.Request(address)  # noqa: S310  # the address is the user's own setting
        request.add_unredirected_header("Authorization", f"Basic {key}")
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT) as reply:  # noqa: S310
                body: bytes = reply.read()
                return body
        except urllib.error.HTTPError as error:
            if error.code not in BUSY or tries == 1:
                raise
            time.sleep(parse_retry_after(error.headers.get("Retry-After", ""), SOME_SECONDS, LONGEST_PAUSE))
        return self._read(address, tries - 1)


def open_langfuse(settings: "Settings") -> LangfuseRecords:
    """Return the records at `langfuse_url`, without contacting it."""
    secret = settings.langfuse_secret_key.get_secret_value() if settings.langfuse_secret_key else ""
    return LangfuseRecords((settings.langfuse_url or "").rstrip("/"), settings.langfuse_public_key or "", secret)


def _key(name: str) -> str:
    return f"attributes.{attribute(name)}"


def _refusal(status: int) -> tuple[str, str]:
    match status:
        case 401 | 403:
            return "rejects the keys", "set langfuse_public_key and langfuse_secret_key to those of one project"
        case 404:
            return f"has no {ROUTE}", "fix langfuse_url, or upgrade that Langfuse to version 4"
        case 422:
            return "can't read that much at once", "give its ClickHouse more memory, or ask for fewer days"
        case 429 | 503:
            return f"is busy (status {status})", "try again later"
        case _:
            return f"returns status {status}", "check its log"
