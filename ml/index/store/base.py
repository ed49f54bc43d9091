"""What a store is: one interface over Qdrant Edge (embedded) and a Qdrant server.

Points carry a chunk's payload (`ml.index.chunk`), one dense vector and two sparse ones, over the text and the names.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from ml.index.chunk import Chunk

if TYPE_CHECKING:
    from ml.index.embedder.base import Vectors

NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Weights of hashed tokens: `indices` are unique unsigned 32-bit integers, `values` as many weights over zero."""

    indices: list[int]
    values: list[float]


@dataclass(frozen=True, slots=True)
class EncodedChunk:
    """A chunk with the vectors it is found by."""

    chunk: Chunk
    dense: "Vectors"
    text: SparseVector
    names: SparseVector


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """A question as the vectors that are compared with those of the chunks. An empty sparse vector matches nothing."""

    dense: "Vectors"
    text: SparseVector
    names: SparseVector


@dataclass(frozen=True, slots=True)
class Where:
    """Which chunks may be found: None lets all pass, an empty sequence none.

    `paths` are globs as in .gitignore ("src/**/*.py", "!tests/"); where all are negated, all other files pass.
    """

    repos: Sequence[str] | None = None
    paths: Sequence[str] | None = None
    languages: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A chunk that a query found, with the score of each vector, 0.0 where that vector did not find it.

    `dense` is a cosine, `text` and `names` are BM25 sums (token weight times inverse document frequency).
    """

    chunk: Chunk
    dense: float
    text: float
    names: float


@dataclass(frozen=True, slots=True)
class Repository:
    """What the index knows of a repository as a whole.

    `source` is where it was read from, `indexed_at` when it was last found up to date (ISO 8601, UTC), `languages`
    counts files, `skipped` what was left out by reason, `redacted` the secrets replaced by kind. The store fills in
    `indexed_at`, `files`, `chunks`, `languages`, `redacted` and `index_version`.
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


class Update(Protocol):
    """A change of one repository. Readers see it whole after `commit`, or not at all where the backend allows it.

    Used as a context manager; left without `commit`, what was put is kept for the next run and readers see nothing.
    """

    def put(
        self, file_path: str, file_digest: str, chunks: Sequence[EncodedChunk], redacted: Mapping[str, int] = NOTHING
    ) -> None:
        """Replace all chunks of a file. A file without chunks is recorded too, so that it is not read again.

        `redacted` counts the secrets replaced in it. Raise EmbedderError for a vector that can't be stored.
        """
        ...

    def delete(self, file_paths: Iterable[str]) -> None:
        """Remove files and their chunks."""
        ...

    def files(self) -> dict[str, str]:
        """Return path -> digest of every file already in this update (a killed run's finished files among them)."""
        ...

    def commit(self, repository: Repository) -> Repository:
        """Make the change visible and durable; gives the record with its counts and time filled in."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Store(Protocol):
    """An index of repositories. Any number of readers, one writer. Errors are those under StoreError.

    `searches_at_once` is how many threads may search before they do nothing but hold each other up.
    """

    searches_at_once: int

    def repositories(self) -> list[Repository]:
        """Return the repositories, by name."""
        ...

    def files(self, repo: str) -> dict[str, str]:
        """Return path -> digest of the file's bytes, for every indexed file of a repository."""
        ...

    def update(self, repo: str, index_version: int = 0) -> Update:
        """Begin a change of one repository. Raise StoreBusyError while another process writes.

        What was stored under another `index_version` does not count as there: it is replaced as a whole by `commit`.
        """
        ...

    def remove(self, repo: str) -> None:
        """Remove a repository and all it left."""
        ...

    def is_known(self, repo: str) -> bool:
        """Return whether a repository is indexed, or a run that did not end left code of it: `remove` removes both."""
        ...

    def query(self, query: EncodedQuery, where: Where, limit: int) -> list[Candidate]:
        """Return the union of the `limit` best chunks by each of the three vectors, every score filled in."""
        ...

    def chunks(self, repo: str, file_path: str) -> list[Chunk]:
        """Return the chunks of a file in the order of their lines."""
        ...

    def close(self) -> None:
        """Gives back files and connections."""
        ...
