"""Turn hits into numbered evidence: parts of one symbol are merged, and an answer may add locations it finds."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, cached_property, lru_cache

from ml.index.chunk import Chunk, digest, numbered_lines
from ml.index.store.base import Store
from rag_service.answer.events import Source
from rag_service.retrieve import Hit

READ_FILES = 256  # files to keep in the cache: consecutive answers are often about the same ones
TRIPLE = re.compile(r'"""|\'\'\'|```')


class FileLines(dict[int, str]):
    """The stored lines of a file, by number, and the `chunks` that contain them."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        super().__init__(numbered_lines(chunks))
        self.chunks = chunks

    @cached_property
    def in_strings(self) -> frozenset[int]:
        """The lines that begin inside a triple-quoted string, such as examples in a docstring."""
        quote, inside = "", set()
        for at in sorted(self):
            if quote:
                inside.add(at)
            for mark in TRIPLE.findall(self[at]):
                quote = "" if quote == mark else quote or mark
        return frozenset(inside)


StoredLines = Callable[[str, str], FileLines]


def line_reader(store: Store) -> StoredLines:
    """Return a function (repo, path) -> {line number: text} that reads each file from the store once."""

    @cache
    def lines(repo: str, file_path: str) -> FileLines:
        return _numbered(tuple(store.chunks(repo, file_path)))

    return lines


_numbered = lru_cache(maxsize=READ_FILES)(FileLines)


class Numbered:
    """The numbered evidence of an answer, best first; `cite` adds chunks found while composing."""

    def __init__(self, hits: Sequence[Hit], lines: StoredLines) -> None:
        self.lines = lines
        self.main = [Source(n, chunk, score) for n, (chunk, score) in enumerate(merge_parts(hits, lines), start=1)]
        self._further: list[Source] = []

    @property
    def sources(self) -> list[Source]:
        """All sources, by number."""
        return self.main + self._further

    def cite(self, chunk: Chunk, start: int, end: int) -> str:
        """Return the mark `[n:start-end]` for lines of a chunk, numbering the chunk if it is new."""
        source = next((source for source in self.sources if holds(source.chunk, chunk, start, end)), None)
        if source is None:
            source = Source(len(self.sources) + 1, chunk, 0.0)
            self._further.append(source)
        return f"[{source.n}:{start}-{end}]"


def holds(outer: Chunk, chunk: Chunk, start: int, end: int) -> bool:
    """Return whether a piece of evidence contains these lines of a chunk's file."""
    same_file = (outer.repo, outer.file_path) == (chunk.repo, chunk.file_path)
    return same_file and outer.line_start <= start and end <= outer.line_end


def merge_parts(hits: Sequence[Hit], lines: StoredLines) -> list[tuple[Chunk, float]]:
    """Join hits that are adjacent parts of one symbol; each result has the best score of its parts."""
    pieces: list[tuple[Chunk, float]] = []
    for hit in hits:
        chunk, score = hit.chunk, hit.score
        for other in [piece for piece in pieces if _adjoin(piece[0], chunk, lines)]:
            pieces.remove(other)
            chunk, score = _joined(other[0], chunk), max(score, other[1])
        pieces.append((chunk, score))
    return sorted(pieces, key=lambda piece: -piece[1])


def _adjoin(one: Chunk, other: Chunk, lines: StoredLines) -> bool:
    if (one.repo, one.file_path, one.symbol) != (other.repo, other.file_path, other.symbol):
        return False
    first, second = sorted((one, other), key=lambda chunk: chunk.line_start)
    stored = lines(one.repo, one.file_path)
    return not any(stored.get(number, "").strip() for number in range(first.line_end + 1, second.line_start))


def _joined(one: Chunk, other: Chunk) -> Chunk:
    first, second = sorted((one, other), key=lambda chunk: chunk.line_start)
    text = "\n".join([first.text, *[""] * (second.line_start - first.line_end - 1), second.text])
    return replace(first, line_end=second.line_end, text=text, content_hash=digest(text.encode()))
