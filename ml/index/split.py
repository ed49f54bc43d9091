"""Cuts a file into pieces along its symbols: every line that is not blank is in exactly one of them.

A symbol that is small enough stays whole. A larger one is cut into what is defined in it and the rows between; what is
still too long is cut where a statement begins, else at a blank line.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from ml.index.languages import BY_RECURSION, LANGUAGES, Language, language_of
from ml.index.languages.definitions import Definition, definitions

MAX_LINES, MAX_CHARACTERS = 50, 2_000
MERGED_LINES, MERGED_KINDS = 20, {"section", "module"}
NAMESPACE = "namespace"  # never stays whole: what it holds is what people look for
PLAIN = Language(name="text", grammar="", query="")
CRUMBS = re.compile(r"\W*(?:end\b\W*)*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A leaf chunk. Lines are 1-based and inclusive, `text` is these lines; `header` (path and signatures around it) is
    indexed above the text.
    """

    line_start: int
    line_end: int
    language: str
    symbol: str
    kind: str
    text: str
    header: str


@dataclass(frozen=True, slots=True)
class Part:
    """Something that owns rows: a symbol, or the file itself."""

    start: int
    end: int
    symbol: str = ""
    kind: str = "module"
    signature: str = ""
    cuts: tuple[int, ...] = ()
    children: tuple["Part", ...] = ()

    @classmethod
    def of(cls, found: Definition) -> "Part":
        """Takes over what splitting needs of a definition."""
        children = tuple(map(cls.of, found.children))
        return cls(found.start, found.end, found.symbol, found.kind, found.signature, found.cuts, children)


@dataclass(frozen=True, slots=True)
class Span:
    """The rows of a piece, whose they are, and the signatures around them."""

    start: int
    end: int
    owner: Part
    around: tuple[Part, ...]


@dataclass(frozen=True)
class Lines:
    """A file's lines; only \\n ends one."""

    all: list[str]
    offsets: list[int] = field(default_factory=lambda: [0])

    def __post_init__(self) -> None:
        for line in self.all:
            self.offsets.append(self.offsets[-1] + len(line) + 1)

    def fit(self, start: int, end: int) -> bool:
        """Tells whether these rows are few enough for one piece."""
        return end - start < MAX_LINES and self.offsets[end + 1] - self.offsets[start] <= MAX_CHARACTERS

    def trimmed(self, start: int, end: int) -> tuple[int, int] | None:
        """Gives the rows without the blank ones at both ends."""
        while start <= end and not self.all[start].strip():
            start += 1
        while end > start and not self.all[end].strip():
            end -= 1
        return (start, end) if start <= end else None

    def text(self, start: int, end: int) -> str:
        """Gives these rows."""
        return "\n".join(self.all[start : end + 1])


def split(path: str, text: str) -> list[Piece]:
    """Gives the pieces of a file in the order of their lines; never raises, whatever the text."""
    language = LANGUAGES.get(language_of(path, text), PLAIN)
    lines = Lines(text.split("\n"))
    spans = _without_crumbs(_spans(_whole(path, text, language, lines), lines, ()), lines)
    spans = _joined(spans, lines, _are_small_sections if language.merge else _are_one_symbol)
    name = language.name if language is not PLAIN else language_of(path, text) or PLAIN.name
    return [_piece(path, name, lines, span) for span in spans]


def _whole(path: str, text: str, language: Language, lines: Lines) -> Part:
    last = len(lines.all) - 1
    if language is not PLAIN:
        found, cuts = definitions(language, text.encode("utf-8", "replace"))
        return Part(0, last, cuts=cuts, children=tuple(map(Part.of, found)))
    name = language_of(path, text)
    cuts = tuple(_recursive_cuts(name, text, lines)) if name in BY_RECURSION.values() else ()
    return Part(0, last, cuts=cuts)


def _recursive_cuts(name: str, text: str, lines: Lines) -> Iterator[int]:
    """Gives the rows where LangChain's splitter for a language would begin a chunk."""
    from langchain_text_splitters import Language as Known
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter.from_language(
        Known(name), chunk_size=MAX_CHARACTERS // 2, chunk_overlap=0, add_start_index=True
    )
    for document in splitter.create_documents([text]):
        yield bisect_right(lines.offsets, document.metadata["start_index"]) - 1


def _spans(owner: Part, lines: Lines, around: tuple[Part, ...]) -> Iterator[Span]:
    if around and owner.kind != NAMESPACE and lines.fit(owner.start, owner.end):
        yield Span(owner.start, owner.end, owner, around)
        return
    at = owner.start
    for child in owner.children:
        yield from _cut(at, child.start - 1, owner, lines, around)
        yield from _spans(child, lines, (*around, owner))
        at = child.end + 1
    yield from _cut(at, owner.end, owner, lines, around)


def _cut(start: int, end: int, owner: Part, lines: Lines, around: tuple[Part, ...]) -> Iterator[Span]:
    rows = lines.trimmed(start, end)
    while rows:
        start, end = rows
        if start == end or lines.fit(start, end):
            yield Span(start, end, owner, around)
            return
        last = start
        while lines.fit(start, last + 1):
            last += 1
        cut = _best_cut(start, last, owner, lines)
        yield Span(start, cut - 1, owner, around)
        rows = lines.trimmed(cut, end)


def _best_cut(start: int, last: int, owner: Part, lines: Lines) -> int:
    """Gives the row after `start` with which the next piece begins; the rows up to `last` would still fit."""
    earliest = start + (last - start) // 2 + 1
    statement = max((row for row in owner.cuts if earliest <= row <= last + 1), default=0)
    blank = max((row + 1 for row in range(earliest, last + 1) if not lines.all[row].strip()), default=0)
    return statement or blank or last + 1


def _without_crumbs(spans: Iterable[Span], lines: Lines) -> Iterator[Span]:
    """Gives rows that only close something (brackets, `end`) to the piece before them."""
    held: Span | None = None
    for span in spans:
        if held and CRUMBS.fullmatch(lines.text(span.start, span.end)):
            held = replace(held, end=span.end)
            continue
        if held:
            yield held
        held = span
    if held:
        yield held


def _joined(spans: Iterable[Span], lines: Lines, belong: Callable[[Span, Span], bool]) -> Iterator[Span]:
    """Joins neighbours that belong together and fit into one piece, under the first name among them."""
    held: Span | None = None
    for span in spans:
        if held and belong(held, span) and lines.fit(held.start, span.end):
            named = held if held.owner.symbol else span
            held = Span(held.start, span.end, named.owner, named.around)
            continue
        if held:
            yield held
        held = span
    if held:
        yield held


def _are_one_symbol(one: Span, other: Span) -> bool:
    """Clauses of one function, a type and what is implemented for it."""
    return bool(one.owner.symbol) and one.owner is not other.owner and one.owner.symbol == other.owner.symbol


def _are_small_sections(one: Span, other: Span) -> bool:
    """Keys of a settings file, short paragraphs."""
    return other.end - one.start < MERGED_LINES and {one.owner.kind, other.owner.kind} <= MERGED_KINDS


def _piece(path: str, language: str, lines: Lines, span: Span) -> Piece:
    start, end = lines.trimmed(span.start, span.end) or (span.start, span.end)
    owner = span.owner
    signatures = [part.signature for part in span.around if part.signature]
    if owner.signature and start != owner.start:
        signatures.append(owner.signature)
    header = " > ".join([path, *signatures])
    return Piece(
        start + 1,
        end + 1,
        language,
        owner.symbol,
        "module" if owner.kind == NAMESPACE else owner.kind,
        lines.text(start, end),
        header,
    )
