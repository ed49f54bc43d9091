"""Numbered evidence: whole symbols, to which an answer may add locations that it finds."""

from collections.abc import Sequence

from ml.index.chunk import Chunk
from rag_service.answer.code.stored import StoredLines
from rag_service.answer.code.symbols import holds, whole_symbols
from rag_service.answer.events import Source
from rag_service.retrieve import Hit


class Numbered:
    """The numbered evidence of an answer, best first; `cite` adds chunks found while composing."""

    def __init__(self, hits: Sequence[Hit], lines: StoredLines) -> None:
        self.lines = lines
        self.main = [Source(n, hit.chunk, hit.score) for n, hit in enumerate(whole_symbols(hits, lines), start=1)]
        self._further: list[Source] = []

    @property
    def sources(self) -> list[Source]:
        """All sources, by number."""
        return self.main + self._further

    @property
    def further(self) -> list[Chunk]:
        """The chunks that were found while composing, and cited."""
        return [source.chunk for source in self._further]

    def cite(self, chunk: Chunk, start: int, end: int) -> str:
        """Return the mark `[n:start-end]` for lines of a chunk, numbering the chunk if it is new."""
        source = next((source for source in self.sources if holds(source.chunk, chunk, start, end)), None)
        if source is None:
            source = Source(len(self.sources) + 1, chunk, 0.0)
            self._further.append(source)
        return f"[{source.n}:{start}-{end}]"
