"""From a file to chunks that only lack their dense vector: read, redact, split, encode. Runs in worker processes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import thread_time
from typing import TYPE_CHECKING, Any

from ml.index.chunk import Chunk, digest
from ml.index.sources import Skipped, SourceFile, SourceText
from ml.index.store.base import SparseVector

if TYPE_CHECKING:
    from ml.index.split import Piece

# Of processor time, for all that is done with a file. A real one of 1 MB takes about two; in a worker process the kernel
# sees to it (ml.index.workers), in this one the parser and the checks between the stages.
FILE_SECONDS = 10.0

Encoded = tuple[tuple[Any, ...], str, tuple[list[int], list[float]], tuple[list[int], list[float]]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file as its chunks; `encoded` holds their fields, headers and sparse vectors as a pipe takes them fast."""

    path: str
    digest: str
    encoded: Sequence[Encoded]
    redacted: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def chunks(self) -> Iterator[tuple[Chunk, str, SparseVector, SparseVector]]:
        """Yield each chunk with its header and its vectors over the text and over the names."""
        for fields, header, text, names in self.encoded:
            yield Chunk(*fields), header, SparseVector(*text), SparseVector(*names)


@dataclass(frozen=True, slots=True)
class Preparation:
    """What is the same for all files of a run."""

    repo: str
    revision: str
    max_file_bytes: int

    def prepare(self, file: SourceFile) -> Prepared | Skipped:
        """Return a file prepared, or why it is left out."""
        from ml.index.redact import redact
        from ml.index.sources import read
        from ml.index.split import split

        until = thread_time() + FILE_SECONDS
        seconds: dict[str, float] = {}
        with _timed(seconds, "read"):
            source = read(file, self.max_file_bytes)
        if isinstance(source, Skipped):
            return source
        with _timed(seconds, "redact"):
            redaction = redact(source.path, source.text)
        if thread_time() > until:
            return too_slow(file)
        with _timed(seconds, "split"):
            pieces = split(source.path, redaction.text)
        if thread_time() > until:
            return too_slow(file)
        with _timed(seconds, "encode"):
            encoded = [self._encode(source, piece) for piece in pieces]
        return Prepared(source.path, source.digest, encoded, redaction.counts, seconds)

    def _encode(self, source: SourceText, piece: "Piece") -> Encoded:
        from ml.index import sparse

        text, names = sparse.document(indexed_text(piece.header, piece.text)), sparse.document_names(piece)
        chunk = (
            self.repo,
            self.revision,
            source.path,
            piece.line_start,
            piece.line_end,
            piece.language,
            piece.symbol,
            piece.kind,
            piece.text,
            digest(piece.text.encode()),
        )
        return chunk, piece.header, (text.indices, text.values), (names.indices, names.values)


def too_slow(file: SourceFile) -> Skipped:
    """Return a file as left out for the time that it takes."""
    return Skipped(file.path, "too slow")


def indexed_text(header: str, text: str) -> str:
    """Return what a chunk is found by: its header line and its lines."""
    return f"{header}\n{text}"


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = thread_time()
    yield
    seconds[stage] = thread_time() - started
