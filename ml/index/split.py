"""Split a file into pieces along its symbols: every line that is not blank is in exactly one of them.

A symbol that is small enough stays whole. A larger one is split into its nested symbols and the rows between them;
what is still too long is split where a statement begins, otherwise at a blank line.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from ml.index.languages import BY_RECURSION, LANGUAGES, language_of
from ml.index.languages.definitions import Definition, Syntax, read_syntax

MAX_LINES, MAX_CHARACTERS = 50, 2_000
NAMESPACE = "namespace"  # never stays whole: people look for its members
NAMESPACE_LINES = 2
MERGED_LINES, MERGED_KINDS = 20, {"section", "module"}
TEXT = "text"
CRUMB = re.compile(r"\W*(?:end\b\W*)*|\s*#\s*(?:else|endif)\b.*|\s*[)}\]]+;?\s*(?://|#|--).*")


@dataclass(frozen=True, slots=True)
class Piece:
    """A leaf chunk. Lines are 1-based and inclusive; `header` (path and enclosing signatures) is indexed above the text."""

    line_start: int
    line_end: int
    language: str
    symbol: str
    kind: str
    text: str
    header: str


@dataclass(frozen=True, slots=True)
class Span:
    """The rows of a piece, its owner and the enclosing definitions; `also` are symbols that were joined to it."""

    start: int
    end: int
    owner: Definition
    around: tuple[Definition, ...]
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class File:
    """A file's lines (separated by \\n only) and its syntax."""

    path: str
    language: str
    lines: list[str]
    syntax: Syntax | None = None
    starts: list[int] = field(default_factory=list)  # rows at which a piece may begin in a file without a grammar
    offsets: list[int] = field(default_factory=lambda: [0])

    def __post_init__(self) -> None:
        for line in self.lines:
            self.offsets.append(self.offsets[-1] + len(line) + 1)

    def fits(self, start: int, end: int) -> bool:
        """Return whether these rows fit into one piece."""
        return end - start < MAX_LINES and self.offsets[end + 1] - self.offsets[start] <= MAX_CHARACTERS

    def trim(self, start: int, end: int) -> tuple[int, int] | None:
        """Return the rows without leading and trailing blank ones."""
        while start <= end and not self.lines[start].strip():
            start += 1
        while end > start and not self.lines[end].strip():
            end -= 1
        return (start, end) if start <= end else None

    def text(self, start: int, end: int) -> str:
        """Return the text of these rows."""
        return "\n".join(self.lines[start : end + 1])

    def statement(self, owner: Definition, earliest: int, latest: int) -> int | None:
        """Return the last row in this range at which a statement begins."""
        if self.syntax:
            return self.syntax.statement(owner.body or owner.node, earliest, latest)
        after = bisect_right(self.starts, latest)
        return self.starts[after - 1] if after > bisect_left(self.starts, earliest) else None


def split(path: str, text: str) -> list[Piece]:
    """Return the pieces of a file in line order; never raise, whatever the text."""
    file = _read(path, text)
    children = file.syntax.definitions if file.syntax else []
    whole = Definition(0, len(file.lines) - 1, 0, "", "module", b"", children=children)
    spans = _attach_closing_rows(_spans(whole, file, ()), file)
    return [_piece(file, span) for span in _join_neighbours(spans, file)]


def _read(path: str, text: str) -> File:
    name, lines = language_of(path, text), text.split("\n")
    language = LANGUAGES.get(name)
    if language:
        return File(path, name, lines, read_syntax(language, text.encode("utf-8", "replace")))
    file = File(path, name or TEXT, lines)
    return (
        replace(file, starts=sorted(_recursive_starts(file, text)), offsets=[0])
        if name in BY_RECURSION.values()
        else file
    )


def _recursive_starts(file: File, text: str) -> Iterator[int]:
    """Yield the rows at which LangChain's splitter for a language would begin a chunk."""
    from langchain_text_splitters import Language as Known
    from langchain_text_splitters import RecursiveCharacterTextSplitter

    splitter = RecursiveCharacterTextSplitter.from_language(
        Known(file.language), chunk_size=MAX_CHARACTERS // 2, chunk_overlap=0, add_start_index=True
    )
    for document in splitter.create_documents([text]):
        yield bisect_right(file.offsets, document.metadata["start_index"]) - 1


def _spans(owner: Definition, file: File, around: tuple[Definition, ...]) -> Iterator[Span]:
    if around and owner.kind != NAMESPACE and file.fits(owner.start, owner.end):
        yield Span(owner.start, owner.end, owner, around)
        return
    at = owner.start
    for child in owner.children:
        yield from _cut(at, child.start - 1, owner, file, around)
        yield from _spans(child, file, (*around, owner))
        at = child.end + 1
    yield from _cut(at, owner.end, owner, file, around)


def _cut(start: int, end: int, owner: Definition, file: File, around: tuple[Definition, ...]) -> Iterator[Span]:
    rows = file.trim(start, end)
    while rows:
        start, end = rows
        if start == end or file.fits(start, end):
            yield Span(start, end, owner, around)
            return
        last = start
        while file.fits(start, last + 1):
            last += 1
        cut = _best_cut(start, last, owner, file)
        yield Span(start, cut - 1, owner, around)
        rows = file.trim(cut, end)


def _best_cut(start: int, last: int, owner: Definition, file: File) -> int:
    """Return the row after `start` at which the next piece begins; the rows up to `last` would still fit."""
    earliest = start + (last - start) // 2 + 1
    statement = file.statement(owner, earliest, last + 1)
    blank = max((row + 1 for row in range(earliest, last + 1) if not file.lines[row].strip()), default=None)
    return statement or blank or last + 1


def _attach_closing_rows(spans: Iterable[Span], file: File) -> Iterator[Span]:
    """Give rows that only close something (brackets, `end`) to the previous piece."""
    held: Span | None = None
    for span in spans:
        if held and all(map(CRUMB.fullmatch, file.lines[span.start : span.end + 1])):
            held = replace(held, end=span.end)
            continue
        if held:
            yield held
        held = span
    if held:
        yield held


def _join_neighbours(spans: Iterable[Span], file: File) -> Iterator[Span]:
    """Join neighbours that belong together and fit into one piece, under the first of their names."""
    merge = LANGUAGES[file.language].merge if file.language in LANGUAGES else 0
    held = last = None
    for span in spans:
        if held and last and file.fits(held.start, span.end) and _belong_together(held, last, span, merge):
            held = _join(held, span)
        else:
            if held:
                yield held
            held = span
        last = span
    if held:
        yield held


def _belong_together(held: Span, last: Span, span: Span, merge: int) -> bool:
    """Return whether two spans belong together.

    They do as clauses of one function; a type and its implementation; keys of a settings file or short paragraphs; the
    line that opens a namespace and what is above it.
    """
    if last.owner.symbol and last.owner.symbol == span.owner.symbol and last.owner is not span.owner:
        return True
    if span.owner.kind == NAMESPACE and last.owner.kind == "module":
        return span.end - span.start < NAMESPACE_LINES
    are_short = max(last.end - last.start, span.end - span.start) < merge and span.end - held.start < MERGED_LINES
    return are_short and {last.owner.kind, span.owner.kind} <= MERGED_KINDS


def _join(one: Span, other: Span) -> Span:
    if other.owner.kind == NAMESPACE:
        return replace(one, end=other.end)
    if one.owner.symbol:
        return replace(one, end=other.end, also=(*one.also, other.owner.symbol))
    return replace(other, start=one.start)


def _piece(file: File, span: Span) -> Piece:
    start, end = file.trim(span.start, span.end) or (span.start, span.end)
    owner = span.owner
    signatures = [outer.signature for outer in span.around]
    if start != owner.start:
        signatures.append(owner.signature)
    also = ", ".join(symbol for symbol in dict.fromkeys(span.also) if symbol != owner.symbol)
    return Piece(
        start + 1,
        end + 1,
        file.language,
        owner.symbol,
        "module" if owner.kind == NAMESPACE else owner.kind,
        file.text(start, end),
        " > ".join(filter(None, [file.path, *signatures, also])),
    )
