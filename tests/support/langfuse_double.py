"""A double of Langfuse 4.4: it accepts traces by OTLP and returns them as its public API does, over real HTTP.

Written after Langfuse's source at v4.4.0, as its server needs ClickHouse, Postgres and Redis:

* how a span becomes an observation: packages/shared/src/server/otel/OtelIngestionProcessor.ts (`processToEvent`), type by
  ObservationTypeMapper.ts, names and values of the metadata by flattenJsonToPathArrays and parseMetadataCHRecordToDomain;
* `GET /api/public/v2/observations`: web/src/pages/api/public/v2/observations, its query and its cursor in
  web/src/features/public-api/types/observations.ts, order and page in packages/shared/src/server/repositories/events.ts;
* what is rejected and how: createAuthedProjectAPIRoute.ts, apiAuth.ts, RateLimitService.ts.

Left out: what our spans don't have (prompts, scores, tools, tags), the metadata of resource and scope, and the delay
between the arrival of a span and its appearance.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import SecretStr

from tests.support.http_double import Handler, serve
from tests.support.otlp_receiver import Span, take_spans

PUBLIC, SECRET = "pk-lf-double", "sk-lf-double"
BASIC = "Basic " + base64.b64encode(f"{PUBLIC}:{SECRET}".encode()).decode()
TRACES, OBSERVATIONS = "/api/public/otel/v1/traces", "/api/public/v2/observations"
REPLACED = ("/api/public/traces", "/api/public/observations")
CUT = 200  # of a metadata value in events_core
TYPES = {"CHAIN": "CHAIN", "RETRIEVER": "RETRIEVER", "LLM": "GENERATION"}
GROUPS = {
    "basic": "name level statusMessage version environment bookmarked public userId sessionId isRootObservation",
    "io": "input output",
    "metadata": "metadata",
}
CORE = "id traceId startTime endTime projectId parentObservationId type"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass
class Langfuse:
    """Its address, the spans and queries it received, and the errors with which to answer the next ones."""

    url: str
    spans: list[Span] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    def sending(self) -> dict[str, Any]:
        """Return the settings of an assistant that sends its traces here."""
        return {"otlp_url": self.url + TRACES, "otlp_headers": SecretStr(f"Authorization={BASIC}")}

    def reading(self, secret: str = SECRET) -> dict[str, Any]:
        """Return the settings of a reader of this server."""
        keys = {"langfuse_public_key": PUBLIC, "langfuse_secret_key": SecretStr(secret)}
        return {"langfuse_url": self.url, **keys}


class _Api(Handler):
    langfuse: Langfuse

    def do_POST(self) -> None:
        if self._is_allowed():
            take_spans(self, self.langfuse.spans)

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path in REPLACED:
            self._send(404, {"message": "This endpoint is not available on deployments running in events_only mode."})
        elif address.path != OBSERVATIONS:
            self._send(404, {"message": "Not Found"})
        elif self._is_allowed():
            self._answer({name: values[-1] for name, values in parse_qs(address.query).items()})

    def _is_allowed(self) -> bool:
        allowed = self.headers["Authorization"] == BASIC
        if not allowed:
            self._send(401, {"message": "Invalid credentials. Confirm that you've configured the correct host."})
        return allowed

    def _answer(self, query: dict[str, str]) -> None:
        langfuse = self.langfuse
        langfuse.queries.append(query)
        if langfuse.refusals:
            status, headers = langfuse.refusals.pop(0)
            self._send(status, {"message": "refused"}, headers)
        else:
            self._send(*observations(langfuse.spans, query))

    def _send(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        self.reply_json(value, status, headers)


@contextmanager
def langfuse_double() -> Iterator[Langfuse]:
    """Run the double on a free port."""

    class Api(_Api):
        langfuse = Langfuse("")

    with serve(Api) as address:
        Api.langfuse.url = address
        yield Api.langfuse


def observations(spans: list[Span], query: dict[str, str]) -> tuple[int, dict[str, Any]]:
    """Return status and body of the response to a query: the newest first, `limit` of them after the cursor."""
    limit = int(query.get("limit", "50"))
    if not 0 <= limit <= 1000:
        return 400, {"message": "Invalid request data", "error": [{"path": ["limit"]}]}
    since = datetime.fromisoformat(query["fromStartTime"]) if "fromStartTime" in query else EPOCH
    cursor = json.loads(base64.b64decode(query["cursor"])) if "cursor" in query else None
    last = tuple(cursor[name] for name in ("lastStartTimeTo", "lastTraceId", "lastId")) if cursor else None
    rows = [
        row
        for row in sorted(map(observation, spans), key=_place, reverse=True)
        if query.get("name") in (None, row["name"])
        and datetime.fromisoformat(row["startTime"]) >= since
        and (last is None or _place(row) < last)
    ]
    page = rows[:limit]
    names = ("lastStartTimeTo", "lastTraceId", "lastId")
    more = base64.b64encode(json.dumps(dict(zip(names, _place(page[-1]), strict=True))).encode()) if page else b""
    meta = {"cursor": more.decode()} if len(rows) > limit and page else {}
    return 200, {"data": [_chosen(row, query) for row in page], "meta": meta}


def observation(span: Span) -> dict[str, Any]:
    """Return a span as it is stored."""
    held = span.attributes
    said, answered = held.get("input.value"), held.get("output.value")
    kept = {name: value for name, value in held.items() if name not in ("input.value", "output.value")}
    return {
        "id": span.id,
        "traceId": span.trace_id,
        "startTime": _time(span.start),
        "endTime": _time(span.end),
        "projectId": "codeintel",
        "parentObservationId": span.parent or None,
        "type": TYPES.get(str(held.get("openinference.span.kind")), "SPAN"),
        "name": span.name,
        "level": "DEFAULT",
        "statusMessage": None,
        "version": None,
        "environment": "default",
        "bookmarked": False,
        "public": False,
        "userId": held.get("user.id") or None,
        "sessionId": None,
        "isRootObservation": not span.parent,
        "input": said if said or answered else None,
        "output": answered if said or answered else None,
        "metadata": {f"attributes.{name}": _text(value) for name, value in kept.items()},
    }


def _chosen(row: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
    """Return the requested fields; metadata is complete only where it is read from events_full."""
    groups = query.get("fields", "core,basic").split(",")
    whole = "io" in groups or "expandMetadata" in query
    values = {name: value if whole else value[:CUT] for name, value in row["metadata"].items()}
    names = " ".join([CORE, *(GROUPS.get(group, "") for group in groups)]).split()
    chosen = {name: row[name] for name in names} | dict.fromkeys("modelId inputPrice outputPrice totalPrice".split())
    return chosen | (
        {"metadata": {name: _parsed(text) for name, text in values.items()}} if "metadata" in groups else {}
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _time(nanoseconds: int) -> str:
    time = EPOCH + timedelta(milliseconds=nanoseconds // 1_000_000)
    return time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _place(row: dict[str, Any]) -> tuple[str, str, str]:
    """Return a row's sort key; ClickHouse uses a hash of the trace's id."""
    return row["startTime"], row["traceId"], row["id"]
