"""No regular expression of the product can be made slow: each is fed its worst repetition, up to 1 MB."""

import re
from collections.abc import Callable, Iterator
from itertools import islice
from time import thread_time
from typing import Any

import pytest

from ml.patterns import Bounded
from tests.hostile.patterns import LINEAR, Found, compiled_in_functions, find_patterns
from tests.hostile.repetitions import Make, attacks

MB = 1_000_000
CALL_SECONDS = 0.05
WHOLE_SECONDS = 2.0  # for all the matches of a text: each is a call of its own
SIZES = (*range(8, 34, 4), 200, 4_000)  # small steps first: an exponential pattern must fail, not hang
WORST = 4
TRIES = 3  # a neighbour on the same core can slow one

PATTERNS = find_patterns()

# Factories that compile while their module is imported, so that the walk finds what they make.
FACTORIES = ("ml/index/redact/tokens.py",)


def test_the_walk_finds_them() -> None:
    assert len(PATTERNS) > 150


def test_no_function_compiles_a_pattern() -> None:
    """A pattern that is made inside a function can't be found and measured."""
    assert [place for place in compiled_in_functions() if not place.startswith(FACTORIES)] == []


@pytest.mark.parametrize("found", PATTERNS, ids=lambda found: found.place)
def test_its_worst_repetition_is_quick(found: Found) -> None:
    makes = _makes(found)
    for size in SIZES:
        times = {number: _seconds(found, make(size)) for number, make in enumerate(makes)}
        assert max(times.values()) <= CALL_SECONDS, makes[max(times, key=lambda n: times[n])](min(size, 60))
    for number in sorted(times, key=lambda n: -times[n])[:WORST]:
        for size in (_longest(found), 30_000, 250_000, MB):
            assert _seconds(found, makes[number](size)) <= CALL_SECONDS, (size, makes[number](60))


def _longest(found: Found) -> int:
    return found.compiled.longest if isinstance(found.compiled, Bounded) else SIZES[-1]


def _makes(found: Found) -> list[Make]:
    pattern, flags = found.compiled.pattern, getattr(found.compiled, "flags", 0)
    if isinstance(pattern, bytes):
        pattern = pattern.decode("latin-1")
    if isinstance(found.compiled, LINEAR):
        pattern, flags = _as_python(pattern), 0
    return list(attacks(pattern, flags & ~re.UNICODE))


def _as_python(pattern: str) -> str:
    """Return an RE2 pattern as Python's parser reads it."""
    return re.sub(r"\\[pP](?:\{\w+\}|\w)", r"\\w", pattern).replace(r"\z", r"\Z")


def _seconds(found: Found, text: str) -> float:
    """Return the processor time of the slowest call over a text, in seconds."""
    subject: Any = text.encode() if isinstance(found.compiled.pattern, bytes) else text
    return max(_least(lambda method=method: _slowest(found.compiled, method, subject)) for method in found.methods)


def _least(measure: Callable[[], float]) -> float:
    for _ in range(TRIES):
        seconds = measure()
        if seconds <= CALL_SECONDS:
            break
    return seconds


def _slowest(compiled: Any, method: str, subject: Any) -> float:
    if method in ("search", "match", "fullmatch"):
        started = thread_time()
        getattr(compiled, method)(subject)
        return thread_time() - started
    whole = thread_time()
    slowest = max(_steps(compiled.finditer(subject)), default=0.0)
    return max(slowest, (thread_time() - whole) * CALL_SECONDS / WHOLE_SECONDS)


def _steps(matches: Iterator[Any]) -> Iterator[float]:
    while True:
        started = thread_time()
        match = list(islice(matches, 1))
        yield thread_time() - started
        if not match:
            return
