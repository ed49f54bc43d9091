"""The report of an evaluation: what ml.evaluation writes and the gate (ml.registry.promotion) reads, as JSON."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ml.errors import EvaluationError

# What an LLM judges (DeepEval).
FAITHFULNESS = "faithfulness"
ANSWER_RELEVANCY = "answer_relevancy"
CONTEXTUAL_PRECISION = "contextual_precision"
CONTEXTUAL_RECALL = "contextual_recall"
JUDGED = frozenset((FAITHFULNESS, ANSWER_RELEVANCY, CONTEXTUAL_PRECISION, CONTEXTUAL_RECALL))

# What needs no judge: of the LLM alone, of the service's answers, of its search.
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
    SUPPORTED: "share of what the LLM alone wrote that the service's own check lets stand",
    REFERENCE_OVERLAP: "words that the LLM's text shares with the answer wanted, F1",
    CITATION_PRECISION: "share of citations whose lines hold the names that the citing statement shows",
    CITATION_RECALL: "share of answers that cite the place wanted",
    REFUSAL_ACCURACY: "share of questions rightly answered, or rightly refused where nothing answers them",
    CONTEXTUAL_PRECISION: "how far the evidence that matters ranks before the rest (judge)",
    CONTEXTUAL_RECALL: "share of the answer wanted that the evidence bears (judge)",
    RECALL: "share of questions whose place is among the first ten found",
    MRR: "mean of 1 / rank of the place wanted",
    NDCG: "discounted rank of the place wanted",
}
"""Each metric in the order in which reports show them, and what it is."""


def label(name: str) -> str:
    """Return a metric's name as people read it."""
    shown = name.replace("_at_", "@").replace("_", " ")
    return shown.upper() if name in (MRR, NDCG) else shown


@dataclass(frozen=True, slots=True)
class Metric:
    """A mean over `n` cases with its 95 % interval. All metrics lie in 0..1, and more is better.

    `judged` says that an LLM judge gave the scores.
    """

    name: str
    mean: float
    low: float
    high: float
    n: int
    judged: bool = False

    def __post_init__(self) -> None:
        if not (0 <= self.low <= self.mean <= self.high <= 1 and self.n > 0):  # false for NaN too
            raise EvaluationError(
                f"metric {self.name}: {self.low} ≤ {self.mean} ≤ {self.high} over {self.n} cases can't be",
                "evaluate again",
            )


@dataclass(frozen=True, slots=True)
class JudgeVerdict:
    """How the judge itself did on cases with known verdicts; one that did not pass may not decide."""

    model: str
    passed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Case:
    """One question with its scores by metric, and what a reader needs to see why.

    `wanted` is the reference answer, `place` where it stands (`repo:path:start-end`, of one line `repo:path:start`, "" for
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
    """What was measured of one model on one data set. Reports compare only where `dataset_digest` is the same.

    With the `cases` of both, they are compared case by case, which tells more than two intervals. `adapter` is the SHA-256
    of the weights of the adapter that was measured, "" for a base model's report.
    """

    model: str
    dataset_digest: str
    metrics: tuple[Metric, ...]
    judge: JudgeVerdict | None = None
    cases: tuple[Case, ...] = ()
    adapter: str = ""

    def trusted(self) -> dict[str, Metric]:
        """Return the metrics by name that may decide: all where the judge passed, else those that need none."""
        judged = self.judge is not None and self.judge.passed
        return {metric.name: metric for metric in self.metrics if judged or not metric.judged}

    def scores(self, name: str) -> dict[str, float]:
        """Return the score of each case that has one in a metric, by the case's id."""
        return {case.id: case.scores[name] for case in self.cases if name in case.scores}

    def to_json(self) -> str:
        """Return the report as JSON text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)


def parse_report(text: str) -> Report:
    """Read a report from JSON text. Raise EvaluationError where it is none."""
    try:
        values = json.loads(text)
        metrics = tuple(Metric(**metric) for metric in values.pop("metrics"))
        judge = values.pop("judge", None)
        cases = tuple(_case(case) for case in values.pop("cases", ()))
        return Report(metrics=metrics, judge=JudgeVerdict(**judge) if judge else None, cases=cases, **values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(f"no evaluation report: {error}", "make it with `codeintel evaluate`") from error


def _case(values: dict[str, Any]) -> Case:
    return Case(**values | {"cited": tuple(values.get("cited", ()))})


def read_report(path: Path) -> Report:
    """Read a report's file. Raise EvaluationError where there is none."""
    try:
        return parse_report(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvaluationError(f"the report {path} can't be read", "make it with `codeintel evaluate`") from error
