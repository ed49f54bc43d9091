"""No regular expression of the product can be made slow: each is fed its worst repetition, up to 1 MB."""

import re

import pytest

from ml.patterns import bounded, linear
from tests.hostile.patterns import Found, compiled_in_functions, find_patterns
from tests.hostile.timing import find_slow

PATTERNS = find_patterns()

# What must be found, by the method that makes it slow.
PLANTED = [
    ("search", r"(a+)+$"),
    ("match", r"(?:x+x+)+y"),
    ("match", r"(?:a|aa)+$"),
    ("match", r"(?:\w+\s?)+:$"),
    ("match", r"(.*?,){12}P"),
    ("match", r"a.*b.*c.*d"),
    pytest.param("search", r"a.*b.*c", marks=pytest.mark.nightly),
    ("search", r"\s+$"),
    pytest.param("search", r"[a-z]+=", marks=pytest.mark.nightly),
    ("search", r'"(?:[^"\\]|\\.)*"'),
    pytest.param("search", r"<q>\s*(.*?)\s*</q>", marks=pytest.mark.nightly),
    pytest.param("finditer", r"<q>(.*?)</q>", marks=pytest.mark.nightly),
    ("finditer", r"\w+\s*="),
    ("sub", r"[ \t]+\n"),
    ("finditer", r"a.*?b|a"),
]


def test_the_walk_finds_them() -> None:
    assert len(PATTERNS) > 150


def test_no_function_compiles_a_pattern() -> None:
    """A pattern that is made inside a function can't be found and measured."""
    assert compiled_in_functions() == []


@pytest.mark.parametrize("found", PATTERNS, ids=lambda found: found.place)
def test_its_worst_repetition_is_quick(found: Found) -> None:
    assert find_slow(found) is None


@pytest.mark.parametrize(("method", "pattern"), PLANTED)
def test_a_slow_pattern_is_found(method: str, pattern: str) -> None:
    slow = find_slow(Found("planted", re.compile(pattern, re.DOTALL), frozenset({method})))
    assert slow is not None
    assert slow.seconds < 10  # it failed, it did not hang


@pytest.mark.parametrize(
    "compiled",
    [
        re.compile(r"(?<!a)a++b"),
        re.compile(r"\bwhy\b|\breason\b"),
        linear(r"\w+\s*="),
        bounded(r"\w+\s*=", longest=500),
    ],
    ids=lambda compiled: compiled.pattern,
)
def test_a_quick_pattern_is_not_called_slow(compiled: "re.Pattern[str]") -> None:
    assert find_slow(Found("planted", compiled, frozenset({"match", "finditer"}))) is None
