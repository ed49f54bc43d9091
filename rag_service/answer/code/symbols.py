"""Whole symbols: the stored chunks of a symbol and of those nested in it, joined into one."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ml.index.chunk import SEPARATOR, Chunk, digest
from ml.index.languages.definitions import SYMBOLS
from rag_service.answer.code.stored import FileLines, StoredLines
from rag_service.retrieve import Hit

MOST_LINES = 400  # of a longer symbol, the neighbouring chunks of its own


def whole_symbol(chunk: Chunk, stored: FileLines) -> Chunk:
    """Return the whole symbol that a stored chunk is a part of, with what is nested in it.

    Of a symbol of more than MOST_LINES lines return its own chunks next to this one, without nested symbols; a chunk at
    module level or of a text stays as it is.
    """
    if chunk.kind not in SYMBOLS or not chunk.symbol:
        return chunk
    parts = _run(chunk, stored.chunks)
    if parts and parts[-1].line_end - parts[0].line_start >= MOST_LINES:
        parts = _neighbours(chunk, parts)
    return _joined(parts) if len(parts) > 1 else chunk


def is_whole(chunk: Chunk, stored: FileLines) -> bool:
    """Return whether a chunk contains its whole symbol."""
    parts = _run(chunk, stored.chunks)
    return not parts or (chunk.line_start <= parts[0].line_start and parts[-1].line_end <= chunk.line_end)


def head_of(chunk: Chunk, stored: FileLines) -> Chunk:
    """Return the stored chunk that a symbol begins with, which has its signature."""
    parts = _run(chunk, stored.chunks)
    return parts[0] if parts else chunk


def whole_symbols(hits: Iterable[Hit], lines: StoredLines) -> list[Hit]:
    """Replace each hit by its whole symbol, best first; leave out those that lie within a better one."""
    found: list[Hit] = []
    for hit in hits:
        chunk = whole_symbol(hit.chunk, lines(hit.chunk.repo, hit.chunk.file_path))
        if not any(contains(other.chunk, chunk) for other in found):
            found.append(replace(hit, chunk=chunk))
    return found


def owner_of(chunk: Chunk, stored: FileLines) -> Chunk | None:
    """Return the first stored chunk of the symbol that encloses a chunk's, None if there is none in its file."""
    names = components(chunk.symbol)[:-1]
    enclosing = (part for part in stored.chunks if part.kind in SYMBOLS and components(part.symbol) == names)
    return next(enclosing, None) if names else None


def owner_name(chunk: Chunk) -> str:
    """Return the name of the class or function that a symbol is defined in, "" if there is none."""
    names = components(chunk.symbol)
    return names[-2].strip() if len(names) > 1 else ""


def contains(outer: Chunk, inner: Chunk) -> bool:
    """Return whether a chunk contains the lines of another one."""
    return holds(outer, inner, inner.line_start, inner.line_end)


def holds(outer: Chunk, chunk: Chunk, start: int, end: int) -> bool:
    """Return whether a chunk contains these lines of another chunk's file."""
    same_file = (outer.repo, outer.file_path) == (chunk.repo, chunk.file_path)
    return same_file and outer.line_start <= start and end <= outer.line_end


def components(symbol: str) -> list[str]:
    """Return the parts of a qualified name."""
    return SEPARATOR.split(symbol)


def _run(chunk: Chunk, stored: Sequence[Chunk]) -> Sequence[Chunk]:
    """Return the neighbouring stored chunks that belong to a chunk's symbol, in line order."""
    at = next((at for at, part in enumerate(stored) if part.line_start == chunk.line_start), None)
    if at is None:
        return ()
    names = components(chunk.symbol)
    first = last = at
    while first and not _begins(stored[first], stored[first - 1]) and _belongs(stored[first - 1], names):
        first -= 1
    while last + 1 < len(stored) and _belongs(stored[last + 1], names):
        last += 1
    return stored[first : last + 1]


def _belongs(part: Chunk, names: Sequence[str]) -> bool:
    return part.kind in SYMBOLS and components(part.symbol)[: len(names)] == names


def _begins(part: Chunk, before: Chunk) -> bool:
    """Return whether a chunk begins a second symbol of the same name, as overloads have."""
    return part.kind != before.kind and part.symbol == before.symbol


def _neighbours(chunk: Chunk, parts: Sequence[Chunk]) -> Sequence[Chunk]:
    """Return the parts of the same name next to a chunk, as many as MOST_LINES allow; those after it first."""
    first = last = next(at for at, part in enumerate(parts) if part.line_start == chunk.line_start)
    while last + 1 < len(parts) and _may_join(parts, first, last + 1, chunk.symbol):
        last += 1
    while first and _may_join(parts, first - 1, last, chunk.symbol):
        first -= 1
    return parts[first : last + 1]


def _may_join(parts: Sequence[Chunk], first: int, last: int, symbol: str) -> bool:
    is_short = parts[last].line_end - parts[first].line_start < MOST_LINES
    return is_short and parts[first].symbol == parts[last].symbol == symbol


def _joined(parts: Sequence[Chunk]) -> Chunk:
    """Return stored neighbours as one chunk under the name of the first; what lies between them is blank."""
    owner = min(parts, key=lambda part: len(components(part.symbol)))
    lines: list[str] = []
    for part in parts:
        lines += [""] * (part.line_start - parts[0].line_start - len(lines))
        lines += part.text.split("\n")
    text = "\n".join(lines)
    return replace(
        owner,
        line_start=parts[0].line_start,
        line_end=parts[-1].line_end,
        text=text,
        content_hash=digest(text.encode()),
    )
