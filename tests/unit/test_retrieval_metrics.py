"""The benchmark's figures against values computed by hand."""

from math import log2

import pytest

from benchmarks.retrieval.metrics import Place, Target, interval, ndcg
from benchmarks.retrieval.plain import PlainBM25


def place(path: str, start: int = 1, end: int = 10) -> Place:
    return Place(path, start, end)


def test_ndcg_counts_each_target_once_at_the_first_chunk_that_covers_it() -> None:
    found = [place("a.py"), place("a.py", 11, 20), place("b.py")]
    assert ndcg(found, [Target("a.py")]) == 1.0
    assert ndcg(found, [Target("b.py")]) == pytest.approx(1 / log2(4))
    assert ndcg(found, [Target("a.py"), Target("b.py")]) == pytest.approx((1 + 1 / 2) / (1 + 1 / log2(3)))
    assert ndcg(found, [Target("c.py")]) == 0.0
    assert ndcg([place("x.py")] * 10 + [place("a.py")], [Target("a.py")]) == 0.0


def test_a_target_with_lines_needs_a_chunk_that_shares_one() -> None:
    assert ndcg([place("a.py", 1, 10), place("a.py", 20, 30)], [Target("a.py", 30, 40)]) == pytest.approx(1 / log2(3))
    assert ndcg([place("a.py", 1, 10)], [Target("a.py", 11, 12)]) == 0.0


def test_paths_agree_from_either_root_but_only_at_a_slash() -> None:
    assert place("src/a.py").covers(Target("a.py"))
    assert place("a.py").covers(Target("src/a.py"))
    assert not place("src/ba.py").covers(Target("a.py"))


def test_the_interval_holds_the_mean_and_is_none_where_all_agree() -> None:
    low, high = interval([0.0, 1.0] * 50)
    assert low < 0.5 < high
    assert high - low == pytest.approx(2 * 1.96 * (0.25 / 100) ** 0.5, abs=0.02)
    assert interval([0.7] * 20) == pytest.approx((0.7, 0.7))


def test_the_plain_peer_ranks_the_window_with_the_rarer_word_first() -> None:
    common = "value = value\n" * 40
    plain = PlainBM25([("a.py", common + "retry = 1\n"), ("b.py", common)])
    assert plain.search("value retry")[0] == Place("a.py", 41, 42)
    assert plain.search("nothing") == []
