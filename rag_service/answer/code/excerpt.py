"""Choose the few lines of a chunk that are worth showing, as a code block with their real line numbers."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from textwrap import dedent

from ml.index.chunk import Chunk
from rag_service.answer.code.lines import LineMatcher, is_comment, with_context

WHOLE = 12
BEGINNING = 6
MATCHES = 4
LONGEST_LINE = 140
GAP = "⋮"
BACKTICKS = re.compile(r"`+")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Ranges of a chunk's line numbers; `phrase` is the key of the phrase that introduces them."""

    chunk: Chunk
    ranges: Sequence[range]
    phrase: str

    @property
    def first(self) -> int:
        """Number of the first line shown."""
        return self.ranges[0].start

    @property
    def last(self) -> int:
        """Number of the last line shown."""
        return self.ranges[-1].stop - 1

    def markdown(self) -> str:
        """Return a fenced block of lines, each after its number and two spaces; omitted lines become one ellipsis."""
        lines = self.chunk.text.split("\n")
        numbers = [number for numbers in self.ranges for number in numbers]
        texts = dedent("\n".join(lines[number - self.chunk.line_start] for number in numbers)).split("\n")
        shown = dict(zip(numbers, texts, strict=True))
        width = len(str(self.last))
        blocks = ["\n".join(_numbered(number, shown[number], width) for number in numbers) for numbers in self.ranges]
        body = f"\n{GAP:>{width}}\n".join(blocks)
        fence = "`" * max(3, 1 + max(map(len, BACKTICKS.findall(body)), default=0))
        return f"{fence}{self.chunk.language}\n{body}\n{fence}"


def _numbered(number: int, text: str, width: int) -> str:
    cut = text if len(text) <= LONGEST_LINE else text[: LONGEST_LINE - 1] + "…"
    return f"{number:>{width}}  {cut}".rstrip()


def excerpt(
    chunk: Chunk, body_start: int, matcher: LineMatcher, in_strings: Collection[int] = frozenset()
) -> Excerpt | None:
    """Choose lines of a chunk from `body_start` on: all if it is short, else those that match, else the first ones.

    Lines `in_strings` are documentation, which a reader has from the sentences above.
    """
    lines = dict(enumerate(chunk.text.split("\n"), start=chunk.line_start))
    body = [number for number in lines if number >= body_start and lines[number].strip()]
    if not body:
        return None
    if body[-1] - body[0] < WHOLE:
        return Excerpt(chunk, [range(body[0], body[-1] + 1)], "whole")
    matching = [line.number for line in matcher.best(chunk, body[0], MATCHES, in_strings)]
    if not matching:
        return Excerpt(chunk, [range(body[0], body[0] + BEGINNING)], "start")
    return Excerpt(chunk, _fitting(matching, body[0], body[-1]), "lines")


def _fitting(matching: Sequence[int], first: int, last: int) -> list[range]:
    """Return the best lines, with one line of context each; drop the worst if they don't fit."""
    for count in range(len(matching), 1, -1):
        ranges = with_context(matching[:count], first, last)
        if sum(map(len, ranges)) <= WHOLE:
            return ranges
    return with_context(matching[:1], first, last)


def comments_near(chunk: Chunk, numbers: Sequence[int], reach: int = 2) -> list[tuple[int, int]]:
    """Return the first and last line of each comment within the shown lines or up to `reach` lines above them."""
    lines = dict(enumerate(chunk.text.split("\n"), start=chunk.line_start))
    near = {near for number in numbers for near in range(number - reach, number + 1)}
    found: list[tuple[int, int]] = []
    for number in (number for number in lines if is_comment(lines[number])):
        start = found.pop()[0] if found and found[-1][1] == number - 1 else number
        found.append((start, number))
    return [(start, end) for start, end in found if near & set(range(start, end + 1))]
