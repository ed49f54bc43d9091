"""The benchmarks' arithmetic against values computed by hand."""

import json

import pytest

from benchmarks.figures import at_least, at_most, table
from benchmarks.service.__main__ import own_seconds
from benchmarks.service.load import Reply, arrivals
from loadtests.checks import quantile


def test_a_table_marks_figures_outside_their_limits() -> None:
    rows = table([at_most("a", 10, "ms", 40), at_most("b", 50, "ms", 40), at_least("c", 0.5, "", 1)]).splitlines()
    assert [row.split(" | ")[-1] for row in rows[2:]] == ["25% |", "125% **over** |", "50% **under** |"]


def test_quantiles_are_measured_values() -> None:
    values = [float(value) for value in range(1, 101)]
    assert (quantile(values, 0.5), quantile(values, 0.95), quantile([7.0], 0.99)) == (51.0, 96.0, 7.0)


def test_arrivals_come_at_the_rate_in_order_and_the_same_each_time() -> None:
    times = arrivals(50, 100)
    assert times == sorted(times) == arrivals(50, 100)
    assert times[0] > 0
    assert times[-1] < 100
    assert len(times) == pytest.approx(5_000, rel=0.05)


def test_own_time_excludes_the_llm_and_fails_if_it_did_not_answer() -> None:
    def reply(*notices: str) -> Reply:
        return Reply(1.25, json.dumps({"timings": {"generate": 1.0}, "notices": notices}).encode())

    assert own_seconds(reply()) == 0.25
    with pytest.raises(RuntimeError, match="the model is away"):
        own_seconds(reply("the model is away"))
