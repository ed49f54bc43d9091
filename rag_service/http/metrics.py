"""Prometheus metrics: requests, seconds by stage, answers, citations, the index's size and age."""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml.errors import CodeIntelError
from ml.index.store.base import Repository
from rag_service.answer.events import Answer, Event, Notice
from rag_service.http.errors import CLIENT_LEFT
from rag_service.http.limits.admission import Admission

MODEL = "The LLM that writes the answers, with its adapter"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The service's registry. `repositories` returns the indexed ones; their metrics are omitted if it raises CodeIntelError.

    `model` returns the name of the LLM.
    """

    def __init__(self, repositories: Callable[[], Sequence[Repository]], model: Callable[[], str]) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_Model(model))
        ProcessCollector(registry=self._registry)
        self._registry.register(_Index(repositories))
        counter = partial(Counter, registry=self._registry)
        seconds = partial(Histogram, registry=self._registry, buckets=SECONDS)
        self._requests = counter("codeintel_requests", "HTTP requests, by route and status", ["route", "status"])
        self._request_seconds = seconds(
            "codeintel_request_seconds", "Seconds until a response was sent completely", ["route"]
        )
        self._stage_seconds = seconds("codeintel_stage_seconds", "Seconds of each stage of an answer", ["stage"])
        self._answers = counter("codeintel_answers", "Answers, by whether there was evidence to answer from", ["found"])
        self._citations = counter(
            "codeintel_citations", "Citations that were valid (kept) or not (dropped)", ["result"]
        )
        self._adapter_refused = counter("codeintel_adapter_refused", "Answers written without the deployed adapter")
        self._model_away = counter(
            "codeintel_model_away", "Times that the LLM was unavailable while answering a question"
        )
        self._feedback = counter("codeintel_feedback", "Readers' verdicts", ["verdict"])
        self._questions = Gauge("codeintel_questions", "Questions now", ["state"], registry=self._registry)

    def watch_drift(self, file: Path) -> None:
        """Export the figures that `codeintel drift` wrote to a file, read at each scrape."""
        self._registry.register(_Drift(file))

    def watch_places(self, admission: Admission) -> None:
        """Export the number of running and waiting questions."""
        self._questions.labels("running").set_function(lambda: admission.running)
        self._questions.labels("waiting").set_function(lambda: admission.waiting)

    def request(self, route: str, status: int, seconds: float) -> None:
        """Count an answered request."""
        self._requests.labels(route, str(status)).inc()
        self._request_seconds.labels(route).observe(seconds)

    def feedback(self, verdict: str) -> None:
        """Count a reader's feedback."""
        self._feedback.labels(verdict).inc()

    def watch(self, events: Iterator[Event]) -> Iterator[Event]:
        """Pass events on and count the answer among them."""
        for event in events:
            if isinstance(event, Answer):
                self._answer(event)
            elif isinstance(event, Notice) and event.about == "model":
                self._model_away.inc()
            elif isinstance(event, Notice) and event.about == "adapter":
                self._adapter_refused.inc()
            yield event

    def text(self) -> bytes:
        """Return all metrics in Prometheus' text format."""
        return generate_latest(self._registry)

    def _answer(self, answer: Answer) -> None:
        self._answers.labels(str(answer.found).lower()).inc()
        self._citations.labels("kept").inc(len(answer.citations))
        self._citations.labels("dropped").inc(answer.dropped)
        for stage, seconds in answer.timings.items():
            self._stage_seconds.labels(stage).observe(seconds)


class _Model(Collector):
    """Exports the name of the LLM and its adapter, read at each scrape."""

    def __init__(self, model: Callable[[], str]) -> None:
        self._model = model

    def describe(self) -> Iterable[InfoMetricFamily]:
        """Describe the metric without opening anything."""
        return [InfoMetricFamily("codeintel_model", MODEL)]

    def collect(self) -> Iterable[InfoMetricFamily]:
        """Yield the name as a label."""
        return [InfoMetricFamily("codeintel_model", MODEL, {"model": self._model()})]


class _Index(Collector):
    """Exports the index's size and age, read at each scrape."""

    def __init__(self, repositories: Callable[[], Sequence[Repository]]) -> None:
        self._repositories = repositories

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Describe the gauges without opening the index."""
        return _gauges([])

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the gauges: zero if there is no index, none if it can't be read now."""
        try:
            return _gauges(self._repositories())
        except CodeIntelError:
            return []


def _gauges(repositories: Sequence[Repository]) -> list[GaugeMetricFamily]:
    ages = [age for repository in repositories if (age := age_seconds(repository)) is not None]
    return [
        GaugeMetricFamily("codeintel_index_repositories", "Repositories in the index", len(repositories)),
        GaugeMetricFamily("codeintel_index_files", "Files in the index", sum(r.files for r in repositories)),
        GaugeMetricFamily("codeintel_index_chunks", "Chunks in the index", sum(r.chunks for r in repositories)),
        GaugeMetricFamily(
            "codeintel_index_age_seconds", "Age of the least recently indexed repository", max(ages, default=0.0)
        ),
    ]


def age_seconds(repository: Repository) -> float | None:
    """Return how long ago a repository was indexed, None if unknown."""
    if not repository.indexed_at:
        return None
    indexed = datetime.fromisoformat(repository.indexed_at)
    return max(0.0, (datetime.now(UTC) - indexed.astimezone(UTC)).total_seconds())


class _Drift(Collector):
    """Exports the latest result of `codeintel drift`; it computes nothing itself."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Describe the gauges without reading the file."""
        return _drift_gauges({})

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the gauges for which there are figures."""
        try:
            figures = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        yield from (gauge for gauge in _drift_gauges(figures) if gauge.samples)


def _drift_gauges(figures: dict[str, Any]) -> list[GaugeMetricFamily]:
    population = figures.get("population") or {}
    made = datetime.fromisoformat(figures["made"]).timestamp() if "made" in figures else None
    return [
        GaugeMetricFamily(f"codeintel_drift_{name}", about, None if value is None else float(value))
        for name, about, value in (
            (
                "detected",
                "Whether real questions differ significantly and widely from the evaluation set",
                figures.get("drifted"),
            ),
            ("new_share", "Share of questions unlike any in the evaluation set", population.get("new_share")),
            ("p", "Probability of such a difference without drift (p-value)", population.get("p")),
            ("refused_share", "Share of answers that were refusals", figures.get("refused_share")),
            ("down_share", "Share of rated answers that were rated down", figures.get("down_share")),
            ("measured_timestamp_seconds", "Time of the last run of `codeintel drift`", made),
        )
    ]


class RequestMetrics:
    """Counts and times every request by its route's template; requests without a route are "other"."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and count it once it is answered or its client has disconnected."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
            status = status or CLIENT_LEFT
        finally:
            status = status or 500
            route = getattr(scope.get("route"), "path", "other")
            self._metrics.request(route, status, time.perf_counter() - started)
