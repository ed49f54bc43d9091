"""A receiver of traces: OTLP over HTTP, as Langfuse, MLflow and every collector accept it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.support.http_double import Handler, serve


@dataclass
class Span:
    """A received span: its attributes as plain values, times in nanoseconds since 1970."""

    name: str
    trace_id: str
    id: str
    parent: str
    start: int
    end: int
    attributes: dict[str, Any]


@dataclass
class Receiver:
    """Its address, the received spans, and the headers of the last call."""

    url: str
    spans: list[Span] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


@contextmanager
def otlp_receiver() -> Iterator[Receiver]:
    """Run a receiver on a free port."""

    class Traces(Handler):
        def do_POST(self) -> None:
            receiver.headers.update((name.lower(), value) for name, value in self.headers.items())
            take_spans(self, receiver.spans)

    with serve(Traces) as address:
        receiver = Receiver(f"{address}/v1/traces")
        yield receiver


def take_spans(call: Handler, into: list[Span]) -> None:
    """Add the spans of an export to a list, and acknowledge them: the sender may look at once."""
    request = ExportTraceServiceRequest.FromString(call.read_body())
    into.extend(
        _span(span) for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
    )
    call.reply(ExportTraceServiceResponse().SerializeToString(), headers={"Content-Type": "application/x-protobuf"})


def _span(span: Any) -> Span:
    attributes = {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in span.attributes}
    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
    return Span(span.name, *ids, span.start_time_unix_nano, span.end_time_unix_nano, attributes)
