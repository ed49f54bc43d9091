"""The gate's rules, as pure functions: is a candidate good enough to register, and better than what is in force."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ml.evaluation.report import ANSWER_RELEVANCY, CITATION_PRECISION, FAITHFULNESS, Metric, Report

KEYS = (FAITHFULNESS, ANSWER_RELEVANCY)
KEYS_WITHOUT_JUDGE = (CITATION_PRECISION,)


@dataclass(frozen=True, slots=True)
class Rules:
    """The least mean that a metric may have to be registered, and how far one may fall that need not be better.

    `tolerance` bounds what noise may hide: a metric is worse where it fell beyond noise, or by more than this.
    """

    least: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({FAITHFULNESS: 0.7, ANSWER_RELEVANCY: 0.7, CITATION_PRECISION: 0.8})
    )
    tolerance: float = 0.05


DEFAULT = Rules()


@dataclass(frozen=True, slots=True)
class Decision:
    """What the gate says and why; `figures` holds a line for each metric that was looked at."""

    passed: bool
    reasons: tuple[str, ...]
    figures: Mapping[str, str]


def above_thresholds(report: Report, rules: Rules = DEFAULT) -> Decision:
    """Says whether a model may be registered: each metric that a threshold names was measured and reaches it.

    Where the judge may not decide, the metrics that need one are left out, and the reasons say so.
    """
    metrics, undecidable = report.trusted(), _undecidable(report)
    wanted = {name: least for name, least in rules.least.items() if name not in undecidable}
    lacking = [f"{name} was not measured" for name in wanted if name not in metrics]
    low = [
        f"{name} is {metrics[name].mean:.3f}, below {least:.3f}"
        for name, least in wanted.items()
        if name in metrics and metrics[name].mean < least
    ]
    figures = {name: _shown(metric) for name, metric in metrics.items()}
    return _decision([*lacking, *low], "above the thresholds", [report], figures)


def better(candidate: Report, present: Report, rules: Rules = DEFAULT) -> Decision:
    """Says whether a candidate may replace what is in force.

    It has to be better beyond noise on Faithfulness and Answer Relevancy (on citation precision where a judge may not
    decide), and no worse on every other metric.
    """
    if candidate.dataset_digest != present.dataset_digest:
        return Decision(False, ("the two were measured on different data sets: evaluate both on one",), {})
    undecidable = _undecidable(candidate) | _undecidable(present)
    keys = KEYS_WITHOUT_JUDGE if undecidable else KEYS
    ours, theirs = (
        {name: metric for name, metric in report.trusted().items() if name not in undecidable}
        for report in (candidate, present)
    )
    both = [name for name in theirs if name in ours]
    lacking = sorted({*keys, *ours, *theirs} - set(both))
    refusals = [f"{name} was not measured of both" for name in lacking]
    refusals += filter(None, (_refusal(ours[name], theirs[name], name in keys, rules.tolerance) for name in both))
    figures = {name: f"{_shown(ours[name])} against {_shown(theirs[name])}" for name in both}
    return _decision(refusals, "better beyond noise on " + " and ".join(keys), [candidate, present], figures)


def difference(a: Metric, b: Metric) -> tuple[float, float, float]:
    """Gives a - b with its interval, from the two intervals alone, taken as independent.

    Method of variance estimates recovery: Zou and Donner 2008, https://doi.org/10.1002/sim.3095.
    """
    mean = a.mean - b.mean
    low = mean - math.hypot(a.mean - a.low, b.high - b.mean)
    high = mean + math.hypot(a.high - a.mean, b.mean - b.low)
    return mean, low, high


def _refusal(ours: Metric, theirs: Metric, key: bool, tolerance: float) -> str:
    mean, low, high = difference(ours, theirs)
    shown = f"{ours.name}: {mean:+.3f} [{low:+.3f}, {high:+.3f}]"
    if key and low <= 0:
        return f"{shown} is not better beyond noise"
    if not key and (high < 0 or mean < -tolerance):
        return f"{shown} is worse"
    return ""


def _undecidable(report: Report) -> set[str]:
    """Gives the metrics that need a judge where the report's may not decide; none where it may."""
    if report.judge and report.judge.passed:
        return set()
    return {*KEYS, *(metric.name for metric in report.metrics if metric.judged)}


def _decision(refusals: list[str], passed: str, reports: list[Report], figures: Mapping[str, str]) -> Decision:
    notes = [
        f"the judge of {report.model} may not decide ({report.judge.reason if report.judge else 'there was none'}): "
        "only metrics that need none count"
        for report in reports
        if _undecidable(report)
    ]
    return Decision(not refusals, (*(refusals or [passed]), *notes), figures)


def _shown(metric: Metric) -> str:
    return f"{metric.mean:.3f} [{metric.low:.3f}, {metric.high:.3f}] n={metric.n}"
