"""Measures how long a regular expression takes over its worst repetition, and stops as soon as it is too long."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from time import thread_time
from typing import Any

from ml.patterns import Bounded
from tests.hostile.patterns import LINEAR, Found
from tests.hostile.repetitions import Attack, attacks

MB = 1_000_000
CALL_SECONDS = 0.05
WHOLE_SECONDS = {False: 2.0, True: 20.0}  # for all the matches in 1 MB; RE2 makes each in Python, but holds no lock
FIRST = 300  # characters
REPETITIONS = (1, 2, 3, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 31, 35, 40, 46, 53, 62, 72, 84, 100)
# Each size is tried with the attacks that took longest at the one before it: (characters, attacks).
SIZES = ((FIRST, 24), (600, 12), (1_200, 6), (2_400, 4), (4_000, 3), (16_000, 2), (64_000, 2), (250_000, 2), (MB, 2))
MATCHES = 2_000  # of many: what they take says what all take
TRIES = 5  # a neighbour on the same core can slow one
SINGLE = frozenset(("search", "match", "fullmatch"))


@dataclass(frozen=True, slots=True)
class Slow:
    """A call that took too long, with the beginning of its text."""

    method: str
    seconds: float
    characters: int
    text: str


def find_slow(found: Found) -> Slow | None:
    """Return the first call of a pattern that takes over CALL_SECONDS of processor time, or None."""
    return next((slow for method in sorted(found.methods) if (slow := _slow_call(found.compiled, method))), None)


def _slow_call(compiled: Any, method: str) -> Slow | None:
    longest = compiled.longest if isinstance(compiled, Bounded) else MB
    tried = _attacks(compiled)
    if slow := _first_slow(compiled, method, _short(tried, min(longest, FIRST)), []):
        return slow
    for size, kept in SIZES:
        texts = [attack.text(min(size, longest)) for attack in tried]
        seconds: list[float] = []
        if slow := _first_slow(compiled, method, texts, seconds):
            return slow
        if size >= longest:
            return None
        order = sorted(range(len(tried)), key=seconds.__getitem__, reverse=True)
        tried = [tried[at] for at in order[:kept]]
    return None


def _short(tried: Iterable[Attack], longest: int) -> list[str]:
    """Return the attacks with few repetitions, the shortest first: an exponential pattern must fail, not hang."""
    texts = {attack.times(repetitions) for repetitions in REPETITIONS for attack in tried}
    return sorted((text for text in texts if len(text) <= longest), key=len)


def _first_slow(compiled: Any, method: str, texts: Iterable[str], seconds: list[float]) -> Slow | None:
    for text in texts:
        seconds.append(_least(partial(_seconds, compiled, method, text)))
        if seconds[-1] > CALL_SECONDS:
            return Slow(method, seconds[-1], len(text), text[:60])
    return None


def _least(measure: Callable[[], float]) -> float:
    """Return the time of the quickest of some tries, where the first is too long but not hopeless."""
    seconds = measure()
    for _ in range(TRIES - 1):
        if not CALL_SECONDS < seconds < 10 * CALL_SECONDS:
            break
        seconds = min(seconds, measure())
    return seconds


def _attacks(compiled: Any) -> list[Attack]:
    pattern, flags = compiled.pattern, getattr(compiled, "flags", 0)
    if isinstance(pattern, bytes):
        pattern = pattern.decode("latin-1")
    if isinstance(compiled, LINEAR):
        pattern, flags = _as_python(pattern), 0
    return attacks(pattern, flags & ~re.UNICODE)


def _as_python(pattern: str) -> str:
    """Return an RE2 pattern as Python's parser reads it."""
    pattern = re.sub(r"\\x\{(\w+)\}", lambda found: re.escape(chr(int(found[1], 16))), pattern)
    return re.sub(r"\\[pP](?:\{\w+\}|\w)", r"\\w", pattern).replace(r"\z", r"\Z")


def _seconds(compiled: Any, method: str, text: str) -> float:
    """Return the processor time of the slowest call over a text, in seconds."""
    subject: Any = text.encode() if isinstance(compiled.pattern, bytes) else text
    if method in SINGLE:
        call = getattr(compiled, method)
        started = thread_time()
        call(subject)
        return thread_time() - started
    return _of_matches(compiled, subject)


def _of_matches(compiled: Any, subject: Any) -> float:
    """Return the time of the slowest match, or of all of them in proportion to what they may take."""
    slowest, position = 0.0, 0
    began = before = thread_time()
    for number, match in enumerate(compiled.finditer(subject), start=1):
        now = thread_time()
        slowest, before, position = max(slowest, now - before), now, match.end()
        if number == MATCHES:
            whole = (now - began) * len(subject) / max(1, position)
            return float(max(slowest, whole * CALL_SECONDS / WHOLE_SECONDS[isinstance(compiled, LINEAR)]))
    return max(slowest, thread_time() - before)
