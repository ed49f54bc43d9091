"""Turn a file into chunks that lack only their dense vector: read, redact, split, encode. Runs in worker processes."""

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

# CPU time per file; a real one of 1 MB takes about two. In a worker process the kernel enforces it (ml.index.workers),
# in this one the parser and the checks between the stages.
FILE_SECONDS = 10.0

Encoded = tuple[tuple[Any, ...], str, tuple[list[int], list[float]], tuple[list[int], list[float]]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A file's chunks; `encoded` holds their fields, headers and sparse vectors in a form that is fast to send."""

    path: str
    digest: str
    encoded: Sequence[Encoded]
    redacted: Mapping[str, int] = field(default_factory=dict)
    seconds: Mapping[str, float] = field(default_factory=dict)

    def chunks(self) -> Iterator[tuple[Chunk, str, SparseVector, SparseVector]]:
        """Yield each chunk with its header and its sparse vectors of the text and of the names."""
        for fields, header, text, names in self.encoded:
            yield Chunk(*fields), header, SparseVector(*text), SparseVector(*names)


@dataclass(frozen=True, slots=True)
class Preparation:
    """The parameters that all files of a run share."""

    repo: str
    revision: str
    max_file_bytes: int

    def prepare(self, file: SourceFile) -> Prepared | Skipped:
        """Return the prepared file, or why it is skipped."""
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
    """Return the file as skipped because it takes too long."""
    return Skipped(file.path, "too slow")


def indexed_text(header: str, text: str) -> str:
    """Return the text that is indexed for a chunk: its header and its lines."""
    return f"{header}\n{text}"


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    started = thread_time()
    yield
    seconds[stage] = thread_time() - started
