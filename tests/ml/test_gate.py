"""The gate's rules. By hand: two half-widths of 0.02 give the difference a half-width of 0.02 · √2 = 0.028."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.errors import EvaluationError
from ml.evaluation.report import Case, JudgeVerdict, Metric, Report, parse_report
from ml.registry.gate import Rules, check_thresholds, compare_reports, unpaired_difference

FAITHFUL, RELEVANT, CITED, REFUSED = "faithfulness", "answer_relevancy", "citation_precision", "refusal_accuracy"
SUPPORTED, OVERLAP = "supported_answers", "reference_overlap"


def metric(name: str, mean: float, half: float = 0.02) -> Metric:
    return Metric(name, mean, max(0.0, mean - half), min(1.0, mean + half), 40, judged=name in (FAITHFUL, RELEVANT))


def report(judge: bool = True, half: float = 0.02, **means: float) -> Report:
    figures = {FAITHFUL: 0.8, RELEVANT: 0.8, CITED: 0.85, REFUSED: 0.9, SUPPORTED: 0.6, OVERLAP: 0.4} | means
    metrics = tuple(metric(name, mean, half) for name, mean in figures.items())
    return Report("m", "d1", metrics, JudgeVerdict("j", judge, "" if judge else "2 of 6 verdicts right"))


def test_better_on_both_keys_and_no_worse_passes() -> None:
    decision = compare_reports(report(faithfulness=0.9, answer_relevancy=0.9), report())
    assert decision.passed
    assert decision.figures[FAITHFUL] == "0.900 [0.880, 0.920] n=40 against 0.800 [0.780, 0.820] n=40"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({FAITHFUL: 0.9}, "answer_relevancy: +0.000"),
        ({RELEVANT: 0.9}, "faithfulness: +0.000"),
        ({FAITHFUL: 0.82, RELEVANT: 0.9}, "faithfulness: +0.020 [-0.008, +0.048] is not better beyond noise"),
        ({FAITHFUL: 0.9, RELEVANT: 0.9, CITED: 0.8}, "citation_precision: -0.050 [-0.078, -0.022] is worse"),
        ({FAITHFUL: 0.7, RELEVANT: 0.9}, "faithfulness: -0.100"),
    ],
)
def test_it_refuses_and_says_why(changed: dict[str, float], reason: str) -> None:
    decision = compare_reports(report(True, 0.02, **changed), report())
    assert not decision.passed
    assert any(reason in found for found in decision.reasons), decision.reasons


def test_noise_hides_no_more_than_the_tolerance() -> None:
    noisy = report(half=0.1, faithfulness=1.0, answer_relevancy=1.0, citation_precision=0.79)
    assert not compare_reports(noisy, report(half=0.1)).passed
    assert compare_reports(noisy, report(half=0.1), Rules(tolerance=0.07)).passed


def test_a_failed_judge_does_not_decide() -> None:
    present = report(judge=False)
    assert not compare_reports(report(judge=False, faithfulness=1.0, answer_relevancy=1.0), present).passed
    decision = compare_reports(report(False, faithfulness=0.1, supported_answers=0.7, reference_overlap=0.5), present)
    assert decision.passed
    assert decision.reasons[0] == "better beyond noise on supported_answers and reference_overlap"
    assert FAITHFUL not in decision.figures
    assert any("2 of 6 verdicts right" in reason for reason in decision.reasons)
    # One failed judge of the two is enough: its figures are no measure for the other's.
    assert FAITHFUL not in compare_reports(report(supported_answers=0.7, reference_overlap=0.5), present).figures


@pytest.mark.parametrize("changed", [{SUPPORTED: 0.7}, {OVERLAP: 0.5}, {SUPPORTED: 0.7, OVERLAP: 0.5, CITED: 0.8}])
def test_without_a_judge_one_of_two_or_a_loss_elsewhere_is_not_enough(changed: dict[str, float]) -> None:
    assert not compare_reports(report(False, 0.02, **changed), report(judge=False)).passed


def by_case(scores: dict[str, list[float]], judge: bool = False) -> Report:
    """Return a report whose cases have these scores, with metrics' intervals far too wide to decide anything."""
    cases = tuple(
        Case(str(number), "q", dict(zip(scores, row, strict=True)))
        for number, row in enumerate(zip(*scores.values(), strict=True))
    )
    figures = tuple(metric(name, sum(values) / len(values), 0.5) for name, values in scores.items())
    return Report("m", "d1", figures, JudgeVerdict("j", judge), cases)


def test_reports_over_the_same_cases_are_compared_case_by_case() -> None:
    present = by_case({SUPPORTED: [0.0] * 20 + [1.0] * 20, OVERLAP: [0.1, 0.9] * 20})
    candidate = by_case({SUPPORTED: [0.0] * 10 + [1.0] * 30, OVERLAP: [0.2, 1.0] * 20})
    decision = compare_reports(candidate, present)
    assert decision.passed
    assert decision.figures[SUPPORTED].endswith(" n=40: +0.250 [+0.125, +0.400] case by case")
    # The same means over other cases, or without them, decide nothing.
    assert not compare_reports(replace(candidate, cases=()), present).passed
    mixed = by_case({SUPPORTED: [1.0] * 30 + [0.0] * 10, OVERLAP: [1.0, 0.2] * 20})
    assert "reference_overlap: +0.100" in " ".join(compare_reports(mixed, present).reasons)
    assert not compare_reports(mixed, present).passed


def test_a_loss_in_every_case_is_worse_however_wide_the_intervals() -> None:
    scores = {SUPPORTED: [0.0] * 40, OVERLAP: [0.0] * 40, REFUSED: [0.0, 1.0] * 20}
    better_keys = {SUPPORTED: [1.0] * 40, OVERLAP: [1.0] * 40}
    assert compare_reports(by_case(scores | better_keys), by_case(scores)).passed
    worse = by_case(scores | better_keys | {REFUSED: [0.0, 0.96] * 20})
    assert "refusal_accuracy: -0.020" in compare_reports(worse, by_case(scores)).reasons[0]


def test_other_data_sets_and_metrics_do_not_compare() -> None:
    assert "different data sets" in compare_reports(replace(report(), dataset_digest="d2"), report()).reasons[0]
    lacking = replace(report(faithfulness=0.9, answer_relevancy=0.9), metrics=report().metrics[:3])
    assert "refusal_accuracy was not measured of both" in compare_reports(lacking, report()).reasons


def test_the_thresholds_hold_for_each_metric() -> None:
    assert check_thresholds(report()).passed
    assert "faithfulness is 0.690, below 0.700" in check_thresholds(report(faithfulness=0.69)).reasons
    assert (
        "citation_precision was not measured"
        in check_thresholds(replace(report(), metrics=report().metrics[:2])).reasons
    )
    assert "faithfulness was not measured" in check_thresholds(replace(report(), metrics=report().metrics[1:])).reasons
    assert check_thresholds(report(judge=False, faithfulness=0.1)).passed
    assert not check_thresholds(report(judge=False, citation_precision=0.1)).passed
    assert check_thresholds(report(supported_answers=0.1)).passed
    assert "supported_answers is 0.100, below 0.500" in check_thresholds(report(False, supported_answers=0.1)).reasons


unit = st.floats(0, 1)
metrics = st.tuples(unit, unit, unit).map(sorted).map(lambda v: Metric("m", v[1], v[0], v[2], 9))


@given(metrics, metrics)
def test_a_difference_is_the_mirror_of_its_opposite(a: Metric, b: Metric) -> None:
    gain, loss = unpaired_difference(a, b), unpaired_difference(b, a)
    assert gain.low <= gain.mean <= gain.high
    assert (loss.mean, loss.low, loss.high) == pytest.approx((-gain.mean, -gain.high, -gain.low))
    # It is never more certain than the two intervals together.
    assert a.low - b.high <= gain.low + 1e-9
    assert gain.high - 1e-9 <= a.high - b.low


def test_a_report_round_trips_through_json() -> None:
    assert parse_report(report().to_json()) == report()
    cases = (Case("a1", "Где?", {OVERLAP: 0.5}, "Here [1].", "There.", "shop:a.py:1-2", ("shop:a.py:1-3",), "So."),)
    whole = replace(report(), cases=cases)
    assert parse_report(whole.to_json()) == whole
    assert whole.scores(OVERLAP) == {"a1": 0.5}


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        '{"model": "m"}',
        '{"model": "m", "dataset_digest": "d", "metrics": [{"name": "x", "mean": NaN, "low": 0, "high": 1, "n": 3}]}',
        '{"model": "m", "dataset_digest": "d", "metrics": [{"name": "x", "mean": 0.5, "low": 0.6, "high": 1, "n": 3}]}',
        '{"model": "m", "dataset_digest": "d", "metrics": [{"name": "x", "mean": 0.5, "low": 0.4, "high": 1, "n": 0}]}',
    ],
)
def test_a_report_with_an_invalid_judge_is_an_error(text: str) -> None:
    with pytest.raises(EvaluationError):
        parse_report(text)
