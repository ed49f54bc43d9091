"""The report of an evaluation: what ml.evaluation writes and the gate (ml.registry.promotion) reads, as JSON."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ml.errors import EvaluationError

FAITHFULNESS = "faithfulness"
ANSWER_RELEVANCY = "answer_relevancy"
CITATION_PRECISION = "citation_precision"


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
class Report:
    """What was measured of one model on one data set. Reports compare only where `dataset_digest` is the same."""

    model: str
    dataset_digest: str
    metrics: tuple[Metric, ...]
    judge: JudgeVerdict | None = None

    def trusted(self) -> dict[str, Metric]:
        """Gives the metrics by name that may decide: all where the judge passed, else those that need none."""
        judged = self.judge is not None and self.judge.passed
        return {metric.name: metric for metric in self.metrics if judged or not metric.judged}

    def to_json(self) -> str:
        """Gives the report as JSON text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)


def parse_report(text: str) -> Report:
    """Reads a report from JSON text. Raises EvaluationError where it is none."""
    try:
        values = json.loads(text)
        metrics = tuple(Metric(**metric) for metric in values.pop("metrics"))
        judge = values.pop("judge", None)
        return Report(metrics=metrics, judge=JudgeVerdict(**judge) if judge else None, **values)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise EvaluationError(f"no evaluation report: {error}", "make it with `codeintel evaluate`") from error


def read_report(path: Path) -> Report:
    """Reads a report's file. Raises EvaluationError where there is none."""
    try:
        return parse_report(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise EvaluationError(f"the report {path} can't be read", "make it with `codeintel evaluate`") from error
