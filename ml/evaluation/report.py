"""The report of an evaluation, as JSON, which ml.evaluation writes and the gate (ml.registry.promotion) reads."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ml.errors import EvaluationError

# Judged by an LLM (DeepEval).
FAITHFULNESS = "faithfulness"
ANSWER_RELEVANCY = "answer_relevancy"
CONTEXTUAL_PRECISION = "contextual_precision"
CONTEXTUAL_RECALL = "contextual_recall"
JUDGED = frozenset((FAITHFULNESS, ANSWER_RELEVANCY, CONTEXTUAL_PRECISION, CONTEXTUAL_RECALL))

# Without a judge: of the LLM alone, of the service's answers, of its search.
SUPPORTED = "supported_answers"
REFERENCE_OVERLAP = "reference_overlap"
CITATION_PRECISION = "citation_precision"
CITATION_RECALL = "citation_recall"
REFUSAL_ACCURACY = "refusal_accuracy"
RECALL = "recall_at_10"
MRR = "mrr_at_10"
NDCG = "ndcg_at_10"

ABOUT = {
    FAITHFULNESS: "share of an answer's claims that the evidence does not contradict (judge)",
    ANSWER_RELEVANCY: "share of an answer's statements that are about the question (judge)",
    SUPPORTED: "share of what the LLM alone wrote that the service's own check accepts",
    REFERENCE_OVERLAP: "words that the LLM's text shares with the reference answer, F1",
    CITATION_PRECISION: "share of citations whose lines contain the names that the citing statement shows",
    CITATION_RECALL: "share of answers that cite the expected location",
    REFUSAL_ACCURACY: "share of questions rightly answered, or rightly refused if nothing answers them",
    CONTEXTUAL_PRECISION: "how far the relevant evidence ranks before the rest (judge)",
    CONTEXTUAL_RECALL: "share of the reference answer that the evidence supports (judge)",
    RECALL: "share of questions whose location is among the first ten results",
    MRR: "mean of 1 / rank of the expected location",
    NDCG: "discounted rank of the expected location",
}
"""A description of each metric, in the order in which reports show them."""


def label(name: str) -> str:
    """Return a metric's display name."""
    shown = name.replace("_at_", "@").replace("_", " ")
    return shown.upper() if name in (MRR, NDCG) else shown


@dataclass(frozen=True, slots=True)
class Metric:
    """A mean over `n` cases with its 95 % interval. All metrics are in 0..1, and more is better.

    `judged` is true if the scores are an LLM judge's.
    """

    name: str
    mean: float
    low: float
    high: float
    n: int
    judged: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.low <= self.mean <= self.high <= 1 and self.n > 0):  # also rejects NaN
            raise EvaluationError(
                f"metric {self.name}: {self.low} ≤ {self.mean} ≤ {self.high} over {self.n} cases is impossible",
                "evaluate again",
            )


@dataclass(frozen=True, slots=True)
class JudgeVerdict:
    """The result of checking the judge on cases with known verdicts; a judge that did not pass may not decide."""

    model: str
    passed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its scores by metric, and what a reader needs to understand them.

    `wanted` is the reference answer, `place` its location (`repo:path:start-end`, for one line `repo:path:start`, "" for
    a question that nothing answers), `written` what the LLM alone wrote.
    """

    id: str
    question: str
    scores: Mapping[str, float] = field(default_factory=dict)
    answer: str = ""
    wanted: str = ""
    place: str = ""
    cited: tuple[str, ...] = ()
    written: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured of one model on one data set. Reports are comparable only if `dataset_digest` is the same.

    If both have `cases`, they are compared case by case, which tells more than two intervals. `adapter` is the SHA-256
    of the weights of the evaluated adapter, "" for a base model's report.
    """

    model: str
    dataset_digest: str
    metrics: tuple[Metric, ...]
    judge: JudgeVerdict | None = None
    cases: tuple[Case, ...] = ()
    adapter: str = ""

    def trusted(self) -> dict[str, Metric]:
        """Return the metrics that may decide, by name: all if the judge passed, else those that need no judge."""
        judged = self.judge is not None and self.judge.passed
        return {metric.name: metric for metric in self.metrics if judged or not metric.judged}

    def scores(self, name: str) -> dict[str, float]:
        """Return a metric's scores by case id, of the cases that have one."""
        return {case.id: case.scores[name] for case in self.cases if name in case.scores}

    def to_json(self) -> str:
        """Return the report as JSON text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)


def parse_report(text: str) -> Report:
    """Parse a report from JSON text. Raise EvaluationError if it is invalid."""
    try:
        values = json.loads(text)
        metrics = tuple(Metric(**metric) for metric in values.pop("metrics"))
        judge = values.pop("judge", None)
        cases = tuple(_case(case) for case in values.pop("cases", ()))
        return Report(metrics=metrics, judge=JudgeVerdict(**judge) if judge else None, cases=cases, **values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(f"not an evaluation report: {error}", "make it with `codeintel evaluate`") from error


def _case(values: dict[str, Any]) -> Case:
    return Case(**values | {"cited": tuple(values.get("cited", ()))})


def read_report(path: Path) -> Report:
    """Read a report's file. Raise EvaluationError if it can't be read or is invalid."""
    try:
        return parse_report(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvaluationError(f"the report {path} can't be read", "make it with `codeintel evaluate`") from error
