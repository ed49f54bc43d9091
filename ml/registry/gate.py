"""The gate's rules, as pure functions: is a candidate good enough to register, and better than what is in force?"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ml.evaluation.bootstrap import Difference, paired_difference
from ml.evaluation.report import (
    ANSWER_RELEVANCY,
    CITATION_PRECISION,
    FAITHFULNESS,
    REFERENCE_OVERLAP,
    SUPPORTED,
    Metric,
    Report,
)

KEYS = (FAITHFULNESS, ANSWER_RELEVANCY)
# Their substitutes, measured only on what the LLM writes, which is all that an adapter changes: support by the cited
# lines for faithfulness, overlap with the reference answer for relevancy.
KEYS_WITHOUT_JUDGE = (SUPPORTED, REFERENCE_OVERLAP)


@dataclass(frozen=True, slots=True)
class Rules:
    """The least means for registration, and how far a metric that need not improve may fall.

    `least_without_judge` replaces the thresholds that need a judge if none may decide. `tolerance` bounds what noise may
    hide: a metric is worse if it fell significantly, or by more than this.
    """

    least: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({FAITHFULNESS: 0.7, ANSWER_RELEVANCY: 0.7, CITATION_PRECISION: 0.8})
    )
    # Half of what the LLM alone writes has to be supported. Set before any adapter was measured.
    least_without_judge: Mapping[str, float] = field(
        default_factory=lambda: MappingProxyType({SUPPORTED: 0.5, REFERENCE_OVERLAP: 0.3})
    )
    tolerance: float = 0.05


DEFAULT = Rules()


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's decision and its reasons; `figures` has a line for each metric considered."""

    passed: bool
    reasons: tuple[str, ...]
    figures: Mapping[str, str]


def check_thresholds(report: Report, rules: Rules = DEFAULT) -> Decision:
    """Decide whether a model may be registered: each metric with a threshold was measured and reaches it.

    If the judge may not decide, the metrics that need one are ignored, and the reasons say so.
    """
    metrics, undecidable = report.trusted(), _undecidable(report)
    wanted = {name: least for name, least in rules.least.items() if name not in undecidable}
    if undecidable:
        wanted |= rules.least_without_judge
    lacking = [f"{name} was not measured" for name in wanted if name not in metrics]
    low = [
        f"{name} is {metrics[name].mean:.3f}, below {least:.3f}"
        for name, least in wanted.items()
        if name in metrics and metrics[name].mean < least
    ]
    figures = {name: _shown(metric) for name, metric in metrics.items()}
    return _decision([*lacking, *low], "above the thresholds", [report], figures)


def compare_reports(candidate: Report, present: Report, rules: Rules = DEFAULT) -> Decision:
    """Decide whether a candidate may replace what is in force.

    It must be significantly better on Faithfulness and Answer Relevancy (or on their substitutes, if a judge may not
    decide), and no worse on every other metric. Metrics are compared case by case if both reports have cases.
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
    refusals += filter(None, (_refusal(name, candidate, present, name in keys, rules.tolerance) for name in both))
    figures = {name: f"{_shown(ours[name])} against {_shown(theirs[name])}" for name in both}
    figures |= {
        name: f"{shown}: {difference(name, candidate, present)} case by case"
        for name, shown in figures.items()
        if candidate.scores(name) and present.scores(name)
    }
    return _decision(refusals, "better beyond noise on " + " and ".join(keys), [candidate, present], figures)


def difference(name: str, candidate: Report, present: Report) -> Difference:
    """Return what a candidate gains on a metric: over the cases in both reports, or else from their intervals."""
    ours, theirs = candidate.scores(name), present.scores(name)
    shared = [case for case in ours if case in theirs]
    if shared:
        return paired_difference([ours[case] for case in shared], [theirs[case] for case in shared])
    return unpaired_difference(candidate.trusted()[name], present.trusted()[name])


def unpaired_difference(a: Metric, b: Metric) -> Difference:
    """Return a - b with its interval, from the two intervals alone, taken as independent.

    Method of variance estimates recovery: Zou and Donner 2008, https://doi.org/10.1002/sim.3095.
    """
    mean = a.mean - b.mean
    low = mean - math.hypot(a.mean - a.low, b.high - b.mean)
    high = mean + math.hypot(a.high - a.mean, b.mean - b.low)
    return Difference(mean, low, high)


def _refusal(name: str, candidate: Report, present: Report, key: bool, tolerance: float) -> str:
    gain = difference(name, candidate, present)
    if key and not gain.is_better:
        return f"{name}: {gain} is not better beyond noise"
    if not key and (gain.high < 0 or gain.mean < -tolerance):
        return f"{name}: {gain} is worse"
    return ""


def _undecidable(report: Report) -> set[str]:
    """Return the metrics that need a judge, if the report's may not decide, or else none."""
    if report.judge and report.judge.passed:
        return set()
    return {*KEYS, *(metric.name for metric in report.metrics if metric.judged)}


def _decision(refusals: list[str], passed: str, reports: list[Report], figures: Mapping[str, str]) -> Decision:
    models: dict[str, list[str]] = {}
    for report in filter(_undecidable, reports):
        models.setdefault(report.judge.reason if report.judge else "there was none", []).append(report.model)
    notes = [
        f"the judge of {' and '.join(names)} may not decide ({reason}): only metrics that need none count"
        for reason, names in models.items()
    ]
    return Decision(not refusals, (*(refusals or [passed]), *notes), figures)


def _shown(metric: Metric) -> str:
    return f"{metric.mean:.3f} [{metric.low:.3f}, {metric.high:.3f}] n={metric.n}"
