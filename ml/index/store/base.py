"""The interface of a store, implemented by Qdrant Edge (embedded) and a Qdrant server.

A point has a chunk's payload (`ml.index.chunk`), one dense vector and two sparse ones, of the text and of the names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from ml.index.chunk import Chunk

if TYPE_CHECKING:
    from ml.index.embedder.base import Vectors

NOTHING: Mapping[str, int] = MappingProxyType({})
MOST_LEFT_OUT = 500  # paths per reason that are stored by name; the others are counted


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Weights of hashed tokens: `indices` are unique unsigned 32-bit integers, `values` their positive weights."""

    indices: list[int]
    values: list[float]


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """A chunk with its vectors."""

    chunk: Chunk
    dense: "Vectors"
    text: SparseVector
    names: SparseVector


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """The vectors of a question. An empty sparse vector matches nothing."""

    dense: "Vectors"
    text: SparseVector
    names: SparseVector


@dataclass(frozen=True, slots=True)
class Where:
    """A filter on chunks: None admits all, an empty sequence none.

    `paths` are globs as in .gitignore ("src/**/*.py", "!tests/"); if all are negated, all other files pass.
    """

    repos: Sequence[str] | None = None
    paths: Sequence[str] | None = None
    languages: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that a query found, with the score by each vector, 0.0 if that vector did not match.

    `dense` is a cosine, `text` and `names` are BM25 sums (token weight times inverse document frequency).
    """

    chunk: Chunk
    dense: float
    text: float
    names: float


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository's record in the index.

    `source` is its origin, `indexed_at` the time of the last complete run (ISO 8601, UTC), `languages` the files per
    language, `skipped` the number of skipped paths per reason, `left_out` the first MOST_LEFT_OUT of them by name,
    `redacted` the replaced secrets per kind. The store fills in `indexed_at`, `files`, `chunks`, `languages`, `redacted`
    and `index_version`.
    """

    name: str
    source: str
    revision: str
    indexed_at: str = ""
    files: int = 0
    chunks: int = 0
    languages: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    redacted: Mapping[str, int] = field(default_factory=dict)
    index_version: int = 0
    left_out: Mapping[str, Sequence[str]] = field(default_factory=dict)


class Update(Protocol):
    """An update of one repository. Where the backend allows it, `commit` makes it visible all at once.

    A context manager; without `commit`, what was put is kept for the next run and readers see nothing.
    """

    def put(
        self, file_path: str, file_digest: str, chunks: Sequence[EncodedChunk], redacted: Mapping[str, int] = NOTHING
    ) -> None:
        """Replace all chunks of a file. A file without chunks is recorded too, so that it is not processed again.

        `redacted` counts the replaced secrets. Raise EmbedderError for a vector that can't be stored.
        """
        ...

    def delete(self, file_paths: Iterable[str]) -> None:
        """Remove files and their chunks."""
        ...

    def files(self) -> dict[str, str]:
        """Return path -> digest of every file already in this update, including a killed run's finished files."""
        ...

    def commit(self, repository: Repository) -> Repository:
        """Make the change visible and durable; return the record with its counts and time filled in."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Store(Protocol):
    """An index of repositories. Any number of readers, one writer. Errors are those under StoreError.

    `searches_at_once` is how many threads may search concurrently before more would only slow each other down.
    """

    searches_at_once: int

    def repositories(self) -> list[Repository]:
        """Return the repositories by name."""
        ...

    def files(self, repo: str) -> dict[str, str]:
        """Return path -> digest of the file's bytes, for every indexed file of a repository."""
        ...

    def update(self, repo: str, index_version: int = 0) -> Update:
        """Begin an update of one repository. Raise StoreBusyError while another process writes.

        Files stored under another `index_version` count as missing; `commit` replaces them all.
        """
        ...

    def remove(self, repo: str) -> None:
        """Remove a repository and everything stored for it."""
        ...

    def is_known(self, repo: str) -> bool:
        """Return whether a repository is indexed or an unfinished run left code of it; `remove` deletes both."""
        ...

    def query(self, query: EncodedQuery, where: Where, limit: int) -> list[Candidate]:
        """Return the union of the `limit` best chunks by each of the three vectors, with all scores."""
        ...

    def chunks(self, repo: str, file_path: str) -> list[Chunk]:
        """Return the chunks of a file in line order."""
        ...

    def close(self) -> None:
        """Release files and connections."""
        ...
