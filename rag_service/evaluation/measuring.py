"""Evaluate the configured model, with and without an adapter."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ml.adapters.backends import open_backend
from ml.adapters.production import open_production
from ml.errors import EvaluationError
from ml.evaluation.evaluate import Progress, evaluate
from ml.evaluation.judge import Judge, check_judge
from ml.evaluation.page import Losses
from ml.evaluation.report import JudgeVerdict, Report
from ml.registry.gate import Decision, check_thresholds, compare_reports
from ml.training.examples import Example
from rag_service.answer.assistant import Assistant, open_assistant
from rag_service.answer.run import EVIDENCE
from rag_service.evaluation.asking import make_asker, make_writer
from rag_service.evaluation.judge import open_judge

if TYPE_CHECKING:
    from ml.settings import Settings


@dataclass(frozen=True, slots=True)
class Measured:
    """The results of an evaluation: of a model and, if it has an adapter, of its baseline, and the gate's decision.

    The baseline is what is deployed: `production`, the adapter of that version, or else the `base` model.
    """

    report: Report
    base: Report | None = None
    production: Report | None = None
    version: int = 0
    decision: Decision | None = None
    losses: Losses | None = None

    @property
    def against(self) -> Report | None:
        """The report of the baseline, None if nothing was compared."""
        return self.production or self.base


def measure(
    settings: "Settings", examples: Sequence[Example], adapter: Path | None = None, progress: Progress | None = None
) -> Measured:
    """Evaluate the base model and, if an adapter is given, that one and the one in Production.

    `adapter` is a GGUF file, a PEFT folder or a training run's output. The configured judge is checked once; if it is
    unavailable or unfit, its metrics are left out. Raise what evaluate_model and Backend.offer raise.
    """
    judge = open_judge(settings)
    told = progress or (lambda stage, done, total: None)
    verdict = check_judge(judge, lambda done, total: told("judge", done, total)) if judge else None

    def measured(stage: str, own: "Settings", gguf: Path | None = None) -> Report:
        named = partial(_named, told, stage)
        return evaluate_model(own, examples, adapter=gguf, judge=judge, verdict=verdict, progress=named)

    if adapter is None:
        return Measured(measured("base", settings))
    with open_backend(settings).offer(adapter) as candidate:
        base = measured("base", settings)
        report = replace(measured("adapter", candidate.settings, candidate.gguf), adapter=candidate.digest)
    version, present = open_production(settings) or (0, None)
    production = None
    if present:
        production = replace(measured("production", present.settings, present.gguf), adapter=present.digest)
    return Measured(report, base, production, version, decide(report, production or base), candidate.losses)


def _named(told: Progress, stage: str, _: str, done: int, total: int) -> None:
    told(stage, done, total)


def decide(report: Report, present: Report) -> Decision:
    """Return what the gate says of a candidate: whether it is above the thresholds, and if so, better than the present."""
    registered = check_thresholds(report)
    return compare_reports(report, present) if registered.passed else registered


def sample(examples: Sequence[Example], limit: int) -> list[Example]:
    """Return `limit` evenly spaced examples, always the same ones, or all if there are fewer."""
    count = min(limit, len(examples))
    return [examples[number * len(examples) // count] for number in range(count)]


def evaluate_model(
    settings: "Settings",
    examples: Sequence[Example],
    *,
    adapter: Path | None = None,
    judge: Judge | None = None,
    verdict: JudgeVerdict | None = None,
    progress: Progress | None = None,
) -> Report:
    """Evaluate the service with the configured LLM and index, with or without an adapter (GGUF).

    The adapter in Production is ignored. Raise AdapterError for an adapter that can't be used, EvaluationError if the
    index does not contain the code of an example, StoreError, EmbedderError, and ModelError if the LLM fails.
    """
    with _isolate_records(settings) as own, open_assistant(own, adapter) as assistant:
        _check_index(assistant, examples)
        llm = assistant.llm.get()
        return evaluate(
            examples,
            make_asker(assistant, llm),
            model=llm.name if llm else EVIDENCE,
            write=make_writer(assistant, llm) if llm and not llm.trusted else None,
            judge=judge,
            verdict=verdict,
            progress=progress,
        )


@contextmanager
def _isolate_records(settings: "Settings") -> "Iterator[Settings]":
    """Yield settings that write records into a temporary folder and send no traces.

    Without an adapter the base model answers, not the adapter in Production.
    """
    with tempfile.TemporaryDirectory(prefix="codeintel-evaluation-") as scratch:
        yield settings.model_copy(update={"data_dir": scratch, "otlp_url": None, "llm_adapter": "none"})


def _check_index(assistant: Assistant, examples: Sequence[Example]) -> None:
    indexed = {repository.name for repository in assistant.store.repositories()}
    missing = {example.repo for example in examples if example.repo} - indexed
    if missing:
        raise EvaluationError(
            f"the index does not contain {', '.join(sorted(missing))}", "index the repositories of the data set"
        )
