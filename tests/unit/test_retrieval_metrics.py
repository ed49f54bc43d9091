"""Ranking metrics against values computed by hand."""

from math import log2

import pytest

from benchmarks.retrieval.plain import PlainBM25
from ml.evaluation.bootstrap import interval, paired_difference
from ml.evaluation.retrieval import Place, Target, ndcg, recall, reciprocal_rank


def place(path: str, start: int = 1, end: int = 10) -> Place:
    return Place(path, start, end)


def test_ndcg_counts_each_target_once_at_the_first_chunk_that_covers_it() -> None:
    found = [place("a.py"), place("a.py", 11, 20), place("b.py")]
    assert ndcg(found, [Target("a.py")]) == 1.0
    assert ndcg(found, [Target("b.py")]) == pytest.approx(1 / log2(4))
    assert ndcg(found, [Target("a.py"), Target("b.py")]) == pytest.approx((1 + 1 / 2) / (1 + 1 / log2(3)))
    assert ndcg(found, [Target("c.py")]) == 0.0
    assert ndcg([place("x.py")] * 10 + [place("a.py")], [Target("a.py")]) == 0.0


def test_a_target_with_lines_needs_an_overlapping_chunk() -> None:
    assert ndcg([place("a.py", 1, 10), place("a.py", 20, 30)], [Target("a.py", 30, 40)]) == pytest.approx(1 / log2(3))
    assert ndcg([place("a.py", 1, 10)], [Target("a.py", 11, 12)]) == 0.0


def test_paths_match_by_suffix_only_at_a_slash() -> None:
    assert place("src/a.py").covers(Target("a.py"))
    assert place("a.py").covers(Target("src/a.py"))
    assert not place("src/ba.py").covers(Target("a.py"))


def test_a_target_does_not_match_another_repository() -> None:
    target = Target("a.py", 1, 5, "shop")
    assert Place("a.py", 1, 10, "shop").covers(target)
    assert not Place("a.py", 1, 10, "bank").covers(target)
    assert place("a.py").covers(target)


def test_recall_and_reciprocal_rank_use_the_first_covering_place() -> None:
    found = [place("x.py"), place("a.py"), place("b.py"), *[place("y.py")] * 7, place("c.py")]
    targets = [Target("a.py"), Target("b.py"), Target("c.py"), Target("d.py")]
    assert recall(found, targets) == 2 / 4
    assert recall(found, targets, k=2) == 1 / 4
    assert recall(found, targets, k=11) == 3 / 4
    assert reciprocal_rank(found, targets) == 1 / 2
    assert reciprocal_rank(found, [Target("c.py")]) == 0.0


def test_a_paired_difference_is_seen_though_the_intervals_overlap() -> None:
    hard = [0.0] * 20 + [1.0] * 20
    better = [min(1.0, score + 0.2) for score in hard]
    gain = paired_difference(better, hard)
    assert gain.mean == pytest.approx(0.1)
    assert gain.is_better
    assert 0.06 < gain.low < gain.mean < gain.high < 0.14
    low, high = interval(hard)
    assert low + 0.1 < high  # the intervals of the two means overlap widely


def test_a_gain_in_a_few_cases_may_be_luck() -> None:
    # Four of forty better, none worse: the bootstrap's interval is above zero, but four coins fall so once in 16 times.
    gain = paired_difference([1.0] * 4 + [0.0] * 36, [0.0] * 40)
    assert gain.low > 0
    assert gain.p == pytest.approx(1 / 16, abs=0.01)
    assert not gain.is_better
    assert paired_difference([1.0] * 6 + [0.0] * 34, [0.0] * 40).p == pytest.approx(1 / 64, abs=0.005)
    assert paired_difference([1.0] * 6 + [0.0] * 34, [0.0] * 40).is_better


def test_no_difference_is_none() -> None:
    gain = paired_difference([0.3, 0.7], [0.3, 0.7])
    assert (gain.mean, gain.low, gain.high, gain.p) == (0.0, 0.0, 0.0, 1.0)
    assert not gain.is_better


def test_the_interval_contains_the_mean_and_is_zero_where_all_agree() -> None:
    low, high = interval([0.0, 1.0] * 50)
    assert low < 0.5 < high
    assert high - low == pytest.approx(2 * 1.96 * (0.25 / 100) ** 0.5, abs=0.02)
    assert interval([0.7] * 20) == pytest.approx((0.7, 0.7))


def test_the_baseline_ranks_the_window_with_the_rarer_word_first() -> None:
    common = "value = value\n" * 40
    plain = PlainBM25([("a.py", common + "retry = 1\n"), ("b.py", common)])
    assert plain.search("value retry")[0] == Place("a.py", 41, 42)
    assert plain.search("nothing") == []
