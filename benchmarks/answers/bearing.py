"""Check whether the cited lines bear a statement.

A statement is a sentence or a list item with its citations, and the block of code below it if it ends with a colon. Its
lines bear it if they contain every name and literal in it:

- each name in a code span (of a dotted name only the last part, which is what the source contains, unless the whole is asked
  for), and each word outside of one that looks like a name (`get_user`, `getUser`, `get()`) and stands in the repository;
- each quotation of two words or more, and each number;
- a location (`path:12`, "line 12") must be cited;
- each line of the block of code.

The check finds names and literals that are missing. It does not find a wrong relation between names that are all there
("A calls B" where B calls A), and it rejects a true sentence that takes a name from elsewhere.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.answers.reference import PATH, is_place, is_telling
from ml.evaluation.answers import MARKS, NUMBER, PLACE, SPAN, last_names
from ml.evaluation.case import Cited
from ml.evaluation.retrieval import Target
from ml.index.tokens import identifiers
from rag_service.answer.generated.segments import segments, sentences

BULLET = re.compile(r"\A\s*(?:(?:[-*+]|\d+[.)])|#+|>)\s+")
NAME = re.compile(r"(?<![\w.])(?:\w+_\w+|_\w+|[a-z]+[A-Z]\w*|[A-Z][a-z]+[A-Z]\w*)(?!\w)|(?<!\w)\w+(?=\(\))")
QUOTATION = re.compile(r"[“\"«]([^“”\"«»\n]+\s[^“”\"«»\n]+)[”\"»]")
LINE = re.compile(r"\b(?:lines?|строк\w*)\s+(\d+)(?:\s*[-–]\s*(\d+))?", re.IGNORECASE)
LITERAL = re.compile(r"(?<![\w.:/-])\d+(?:\.\d+)?(?![\w/:%-]|\.\d)")
SHOWN_LINE = re.compile(r"^\s*\d+ {2}")
GAPS = {"⋮", "…", "..."}
INVISIBLE = re.compile(r"[\s#*/`\"']+")


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence or list item without its marks, the numbers that it cites, and the lines of code shown below it."""

    text: str
    numbers: tuple[int, ...]
    code: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unborne:
    """A cited statement, and what its cited lines lack."""

    text: str
    missing: tuple[str, ...]


def statements(answer: str) -> list[Statement]:
    """Return the statements of an answer in Markdown, with or without citations."""
    found: list[Statement] = []
    for segment in segments(iter([answer])):
        if not segment.is_code:
            found += map(_statement, sentences(BULLET.sub("", segment.text, count=1)))
        elif found and found[-1].text.endswith(":"):
            found[-1] = Statement(found[-1].text, found[-1].numbers, tuple(segment.text.split("\n")[1:-2]))
    return found


def unborne(answer: str, citations: Iterable[Cited], names: Collection[str], *, whole: bool = False) -> list[Unborne]:
    """Return the cited statements that their lines do not bear; `names` are those of the repository.

    With `whole`, the lines must contain every part of a dotted name.
    """
    cited = {citation.n: citation for citation in citations}
    check = _Check(cited, names, _every_name if whole else last_names)
    checked = (Unborne(each.text, tuple(check.missing(each))) for each in statements(answer) if each.numbers)
    return [each for each in checked if each.missing]


@dataclass(frozen=True, slots=True)
class _Check:
    """Finds what is missing on the cited lines; `parts` takes the names out of a code span."""

    cited: Mapping[int, Cited]
    names: Collection[str]
    parts: Callable[[str], Iterable[str]]

    def missing(self, statement: Statement) -> Iterator[str]:
        """Yield what a statement shows and its lines do not."""
        lines = [self.cited[number] for number in statement.numbers if number in self.cited]
        text = "\n".join(citation.quote for citation in lines)
        held = {name for line in (text, *(citation.place.path for citation in lines)) for name in identifiers(line)}
        yield from (name for name in self._shown(statement.text) if name not in held)
        yield from (place for place, target in _places(statement.text) if not _covers(lines, target))
        visible = _visible(text)
        yield from (words for words in QUOTATION.findall(_prose(statement.text)) if _visible(words) not in visible)
        yield from (line for line in _code(statement.code) if _visible(line) not in visible)

    def _shown(self, text: str) -> Iterator[str]:
        """Yield the names and numbers of a statement."""
        for span in SPAN.finditer(text):
            if not is_place(span[2].strip()):
                yield from self.parts(span[2].strip())
        prose = _prose(text)
        yield from (name for name in NAME.findall(prose) if name in self.names and is_telling(name))
        yield from LITERAL.findall(LINE.sub(" ", prose))


def _statement(sentence: str) -> Statement:
    numbers = dict.fromkeys(int(number) for marks in MARKS.findall(sentence) for number in NUMBER.findall(marks))
    return Statement(re.sub(r"\s+([.:,;])", r"\1", MARKS.sub("", sentence)).strip(), tuple(numbers))


def _every_name(code: str) -> Iterable[str]:
    return (name for name in identifiers(code) if not name.isdigit())


def _places(text: str) -> Iterator[tuple[str, Target]]:
    """Yield the locations that a text names, as they are written and as targets; "" is any file."""
    for span in SPAN.finditer(text):
        code = span[2].strip()
        if is_place(code):
            place = PLACE.fullmatch(code)
            yield code, _target(place["path"], place["start"], place["end"]) if place else Target(code)
    yield from ((found.group(), _target("", found[1], found[2])) for found in LINE.finditer(text))


def _target(path: str, start: str, end: str | None) -> Target:
    return Target(path, int(start), int(end or start))


def _covers(lines: Sequence[Cited], target: Target) -> bool:
    return any(
        citation.place.covers(
            target if target.path else Target(citation.place.path, target.line_start, target.line_end)
        )
        for citation in lines
    )


def _prose(text: str) -> str:
    return PATH.sub(" ", SPAN.sub(" ", text))


def _code(lines: Sequence[str]) -> Iterator[str]:
    """Yield the lines of a shown block, without their numbers, gaps, and the cut end of a long one."""
    for line in lines:
        shown = SHOWN_LINE.sub("", line).strip().removesuffix("…")
        if shown and shown not in GAPS and not shown.isdigit():
            yield shown


def _visible(text: str) -> str:
    """Return a text without spaces, comment marks and quotes, in which a quotation in prose may differ from the source."""
    return INVISIBLE.sub("", text)
