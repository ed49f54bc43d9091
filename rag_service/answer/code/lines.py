"""Find the lines of a chunk that matter to a question: those that share its rarest words."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ml.index.chunk import Chunk
from ml.patterns import bounded
from rag_service.retrieve.question import stems_of

COMMENT = re.compile(r"\s*(#(?!\[|include|define|if|endif|pragma)|//|--|/\*|\*(?!\*?\w)|;|%|<!--)")
TRAILING_COMMENT = bounded(r"\s(#|//|--)\s+(?P<text>\S.*)$")
KNOWN = 0.25
NUMBERS = "zero one two three four five six seven eight nine ten".split()
RUSSIAN_NUMBERS = "ноль один два три четыре пять шесть семь восемь девять десять".split()
DIGITS = {word: str(value) for words in (NUMBERS, RUSSIAN_NUMBERS) for value, word in enumerate(words)}
"""A question says "five" where the code says 5."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a chunk and how well it matches, 0.0 for not at all."""

    number: int
    text: str
    score: float


class LineMatcher:
    """Scores lines by a question's stems, each weighted by how rare it is among the lines of the evidence."""

    def __init__(self, stems: Collection[str], words: Iterable[str], chunks: Sequence[Chunk]) -> None:
        self._stems = frozenset(stems) | {DIGITS[word] for word in words if word in DIGITS}
        lines = [stems_of(line) & self._stems for chunk in chunks for line in chunk.text.split("\n")]
        counts = Counter(stem for line in lines for stem in line)
        self._weights = {stem: math.log(1 + len(lines) / count) for stem, count in counts.items()}

    def score(self, text: str, known: Collection[str] = ()) -> float:
        """Return the summed weights of the question's stems in a text, each counted once; stems in `known` count little."""
        found = stems_of(text) & self._stems
        return sum(self._weights.get(stem, 0.0) * (KNOWN if stem in known else 1.0) for stem in found)

    def share(self, score: float) -> float:
        """Return a score as a share of the question's total weight."""
        return score / (sum(self._weights.values()) or 1.0)

    def best(self, chunk: Chunk, first: int, limit: int, without: Collection[int] = frozenset()) -> list[Line]:
        """Return up to `limit` best matches from line `first` on that score at least half as much as the best one.

        Words of the symbol's own name count little, lines `without` none at all.
        """
        known = stems_of(chunk.symbol)
        lines = [
            Line(number, text, self.score(text, known))
            for number, text in enumerate(chunk.text.split("\n"), start=chunk.line_start)
            if number >= first and number not in without
        ]
        lines.sort(key=lambda line: (-line.score, line.number))
        least = lines[0].score / 2 if lines else 0.0
        return [line for line in lines[:limit] if line.score > 0 and line.score >= least]


def is_comment(text: str) -> bool:
    """Return whether a line is only a comment, in any supported language."""
    return bool(COMMENT.match(text))


def comment_text(text: str) -> str:
    """Return the text of a line's comment, alone or after code; "" if there is none."""
    if is_comment(text):
        return text.strip().strip("/#*-;%<!> \t")
    trailing = TRAILING_COMMENT.search(text)
    return trailing["text"].strip() if trailing else ""


def with_context(numbers: Iterable[int], first: int, last: int, margin: int = 1) -> list[range]:
    """Return the line numbers, each with `margin` lines around it, within first..last, as disjoint ranges."""
    ranges: list[range] = []
    for number in sorted(numbers):
        start, stop = max(first, number - margin), min(last, number + margin) + 1
        if ranges and start <= ranges[-1].stop + 1:
            ranges[-1] = range(ranges[-1].start, max(stop, ranges[-1].stop))
        else:
            ranges.append(range(start, stop))
    return ranges
