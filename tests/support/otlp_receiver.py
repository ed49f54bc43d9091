"""A receiver of traces: OTLP over HTTP, as Langfuse, MLflow and every collector take it."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)


@dataclass
class Span:
    """A span as it came: its attributes as plain values, times in nanoseconds since 1970."""

    name: str
    trace_id: str
    id: str
    parent: str
    start: int
    end: int
    attributes: dict[str, Any]


@dataclass
class Receiver:
    """Where it listens, what came, and the headers of the last call."""

    url: str
    spans: list[Span] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)


@contextmanager
def otlp_receiver() -> Iterator[Receiver]:
    """Runs a receiver on a free port."""

    class Traces(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # http.server wants this name
            receiver.headers.update((name.lower(), value) for name, value in self.headers.items())
            receiver.spans.extend(take_spans(self))

        def log_message(self, *arguments: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Traces)
    receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}/v1/traces")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def take_spans(call: BaseHTTPRequestHandler) -> list[Span]:
    """Gives the spans of an export, and thanks for them."""
    request = ExportTraceServiceRequest.FromString(call.rfile.read(int(call.headers["Content-Length"])))
    call.send_response(200)
    call.send_header("Content-Type", "application/x-protobuf")
    call.end_headers()
    call.wfile.write(ExportTraceServiceResponse().SerializeToString())
    return [
        _span(span) for resource in request.resource_spans for scope in resource.scope_spans for span in scope.spans
    ]


def _span(span: Any) -> Span:
    attributes = {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in span.attributes}
    ids = (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex())
    return Span(span.name, *ids, span.start_time_unix_nano, span.end_time_unix_nano, attributes)
