"""Send each answer as a trace, one span per stage with tokens and cost, over OTLP/HTTP to Langfuse, MLflow or a collector.

The root span contains the audit log's entry, and feedback is a span of its own, so that both can be read back
(`ml.langfuse`).

Nothing is sent, and OpenTelemetry is not imported, unless `otlp_url` is set. The spans are created once an answer is
complete, from recorded times: a stream that moves between threads has no current span.

Attribute names: OpenTelemetry's semantic conventions for generative AI (gen_ai.*), OpenInference's for texts
and documents (input.value, …); Langfuse and MLflow read both.
"""

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ml.errors import SettingsError
from ml.records import attribute
from rag_service.record import place, redact_text

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.util.types import AttributeValue

    from ml.settings import Settings
    from rag_service.answer.asker import Asker
    from rag_service.answer.run import Run, TokenUsage

MILLION = 1_000_000
TIMEOUT = 10  # seconds


class Tracer:
    """Sends traces in the background; if the receiver is unavailable, they are dropped with a log message."""

    def __init__(self, settings: "Settings", exporter: "SpanExporter") -> None:
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        from rag_service.version import version

        self._settings = settings
        resource = Resource.create({"service.name": "codeintel", "service.version": version()})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("codeintel")

    def trace(self, run: "Run", about: Mapping[str, Any]) -> None:
        """Send the trace of an answer in its current state; `about` is its entry in the audit log."""
        from opentelemetry.trace import SpanKind, set_span_in_context

        attributes = {"openinference.span.kind": "CHAIN"} | _attributes(about)
        caller = _caller(run.asker)
        root = self._tracer.start_span("answer", caller, SpanKind.SERVER, attributes, start_time=run.began)
        inside = set_span_in_context(root)
        for name, stage in run.stages.items():
            if stage.began:
                attributes = {**self._about_stage(name, run), "codeintel.seconds": stage.seconds}
                span = self._tracer.start_span(name, inside, attributes=attributes, start_time=stage.began)
                span.end(stage.ended)
        root.end(time.time_ns())

    def trace_feedback(self, about: Mapping[str, Any], asker: "Asker") -> None:
        """Send a reader's feedback on an answer; `about` is its entry in the journal."""
        from opentelemetry.trace import SpanKind

        self._tracer.start_span("feedback", _caller(asker), SpanKind.SERVER, _attributes(about)).end()

    def close(self) -> None:
        """Flush pending traces and shut down."""
        self._provider.shutdown()

    def _about_stage(self, name: str, run: "Run") -> "dict[str, AttributeValue]":
        match name:
            case "retrieve":
                return {"openinference.span.kind": "RETRIEVER"} | _documents(run)
            case "generate":
                return self._about_llm(run.answer().model, run.spent)
            case "cite":
                return {"codeintel.citations.kept": len(run.citations.resolve())} | _dropped(run)
            case _:
                return {}

    def _about_llm(self, model: str, spent: "TokenUsage") -> "dict[str, AttributeValue]":
        settings = self._settings
        cost = spent.prompt * settings.llm_prompt_price + spent.completion * settings.llm_completion_price
        return {
            "openinference.span.kind": "LLM",
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": settings.llm_model or model,
            "gen_ai.response.model": model,
            "gen_ai.usage.input_tokens": spent.prompt,
            "gen_ai.usage.output_tokens": spent.completion,
            "gen_ai.usage.cost": cost / MILLION,
        }


def open_tracer(settings: "Settings") -> Tracer | None:
    """Return the configured tracer, if any. Raise SettingsError if its packages are missing."""
    if not settings.otlp_url:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError as error:
        cure = "install it with `pip install 'codeintel[tracing]'`, or unset otlp_url"
        raise SettingsError(f"otlp_url is set, but the package {error.name} is not installed", cure) from error
    given = settings.otlp_headers.get_secret_value() if settings.otlp_headers else ""
    headers = dict(header.strip().split("=", 1) for header in given.split(",") if header)
    return Tracer(settings, OTLPSpanExporter(endpoint=settings.otlp_url, headers=headers, timeout=TIMEOUT))


def _caller(asker: "Asker") -> "Context":
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    return TraceContextTextMapPropagator().extract({"traceparent": asker.traceparent})


def _attributes(about: Mapping[str, Any]) -> "dict[str, AttributeValue]":
    """Return an entry as span attributes; values that are not primitive become JSON.

    Model and tokens are not gen_ai.* here, because receivers sum those over all spans and the LLM's span has them.
    """
    return {
        attribute(name): value if isinstance(value, str | int | float) else json.dumps(value, ensure_ascii=False)
        for name, value in about.items()
    }


def _documents(run: "Run") -> "dict[str, AttributeValue]":
    return {
        f"retrieval.documents.{number}.document.id": redact_text(place(source.chunk))
        for number, source in enumerate(run.sources)
    }


def _dropped(run: "Run") -> "dict[str, AttributeValue]":
    return {"codeintel.citations.dropped": run.answer().dropped}
