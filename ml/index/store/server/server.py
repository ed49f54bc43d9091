"""The store on a Qdrant server: the same interface, shared by any number of machines.

Two collections, named by embedder and dimension so that vectors of different models never mix:

    code_EMBEDDER_DIMENSION          one point per chunk
    code_EMBEDDER_DIMENSION_files    one point per file, repository and writer's lease, and one for the format

A server has no transactions, so here an update becomes visible file by file: a file's new chunks are written before its
old ones are deleted. A killed run leaves whole files, old or new, and the next run completes it. There is one writer per
repository, by a lease that expires.
"""

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ml.circuit_breaker import CircuitBreaker
from ml.errors import StoreAwayError, StoreError, StoreMissingError
from ml.index.chunk import Chunk
from ml.index.store.base import Candidate, EncodedQuery, Repository, SparseVector, Where
from ml.index.store.candidates import Query, Ranked, find_candidates
from ml.index.store.embedded.manifest import FORMAT, FileRecord, check_header
from ml.index.store.points import DENSE, INDEXED_FIELDS, NAMES, TEXT, point_id
from ml.index.store.selection import FileIndex, Selection, select

if TYPE_CHECKING:
    import httpx
    from qdrant_client import QdrantClient

    from ml.index.store.server.update import ServerUpdate

DEFAULT_PORT = 6333
CONNECT_SECONDS, READ_SECONDS, WRITE_SECONDS = 3, 10, 60
# How long an unavailable server is not asked again.
REST_SECONDS = 2.0
# Less than the 5 seconds after which Qdrant closes an idle connection, to avoid sending on a closing one.
IDLE_SECONDS = 3.0
IDLE_CONNECTIONS = 32
# A compressed reply is sent in two parts, the second of which waits 40 ms: Nagle's algorithm and delayed ACKs.
WHOLE = {"accept-encoding": "identity"}
PAGE = 1_000
# Replaced chunks count in the IDF until Qdrant rewrites their segment, once they reach this share.
GONE_SHARE = 0.05
# How stale the list of files that globs are matched against may be.
FILES_SECONDS = 10.0
FORMAT_ID = point_id("format")
UNUSUAL = re.compile(r"[^A-Za-z0-9.-]+")  # characters not allowed in a collection's name


@dataclass(frozen=True, slots=True)
class Layout:
    """How a new collection is distributed over a Qdrant cluster: shards, and replicas of each."""

    shards: int = 1
    replicas: int = 1


def open_server(
    url: str, embedder: str, dimension: int, *, api_key: str | None, layout: Layout | None = None
) -> "ServerStore":
    """Open the index on the server at a URL; the first request is sent on first use.

    Raise StoreError for an invalid URL, and if qdrant-client is not installed.
    """
    try:
        import httpx
        from qdrant_client import QdrantClient
    except ImportError as error:
        raise StoreError("an index on a server needs qdrant-client", "run: pip install 'codeintel[qdrant]'") from error
    limits = httpx.Limits(max_keepalive_connections=IDLE_CONNECTIONS, keepalive_expiry=IDLE_SECONDS)
    try:
        client = QdrantClient(
            url=url,
            headers=WHOLE
            | ({"api-key": api_key} if api_key else {}),  # as `api_key` it would cause a warning over plain http://
            timeout=READ_SECONDS,
            check_compatibility=False,
            limits=limits,
            event_hooks={"request": [_connect_in_time]},
        )
        return ServerStore(client, _place(url), embedder, dimension, layout or Layout())
    except ValueError as error:
        raise StoreError("the address of the index is not a valid URL", "set --store to http://HOST:6333") from error


def _place(url: str) -> str:
    """Return host and port of a URL, without a password."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise ValueError(url)
    return f"{parts.hostname}:{parts.port or DEFAULT_PORT}"


def _connect_in_time(request: "httpx.Request") -> None:
    """Set a connect timeout that is shorter than the request timeout."""
    request.extensions["timeout"]["connect"] = CONNECT_SECONDS


class ServerStore:
    """The store on a server; `place` names it in errors, `layout` applies to new collections."""

    searches_at_once = IDLE_CONNECTIONS

    def __init__(
        self, client: "QdrantClient", place: str, embedder: str, dimension: int, layout: Layout = Layout()
    ) -> None:
        self.client = client
        self.layout = layout
        self.place = place
        self.embedder = embedder
        self.dimension = dimension
        self.code = f"code_{UNUSUAL.sub('-', embedder)}_{dimension}"
        self.records = f"{self.code}_files"
        self._files = (0.0, FileIndex())
        self._exists = False
        self._rest = CircuitBreaker(StoreAwayError)

    def exists(self) -> bool:
        """Return whether the collections are complete; raise if this program can't read them."""
        if not self._exists:
            with self.reading():
                is_begun = self.client.collection_exists(self.records)
                found = self.client.retrieve(self.records, [FORMAT_ID]) if is_begun else []
            if found:
                check_header(self.place, found[0].payload or {}, self.embedder, self.dimension)
            self._exists = bool(found)
        return self._exists

    def repositories(self) -> list[Repository]:
        """Return the repositories by name."""
        self._check_exists()
        found = [Repository(**payload["record"]) for payload in self.scroll("repository")]
        return sorted(found, key=lambda repository: repository.name)

    def files(self, repo: str) -> dict[str, str]:
        """Return path -> digest of the indexed files of a repository, empty if it is unknown."""
        self._check_exists()
        return {payload["path"]: payload["record"][0] for payload in self.scroll("file", repo)}

    def file_records(self, repo: str) -> dict[str, tuple[FileRecord, int]]:
        """Return path -> (record, index version) of each stored file."""
        return {
            payload["path"]: (FileRecord.from_json(payload["record"]), payload["index_version"])
            for payload in self.scroll("file", repo)
        }

    def update(self, repo: str, index_version: int = 0) -> "ServerUpdate":
        """Begin an update of one repository; create the collections if needed."""
        from ml.index.store.server.update import ServerUpdate

        if not self.exists():
            self._create()
        return ServerUpdate(self, repo, index_version)

    def remove(self, repo: str) -> None:
        """Remove a repository and everything stored for it."""
        self._check_exists()
        with self.update(repo) as update:
            update.remove()

    def is_known(self, repo: str) -> bool:
        """Return whether a repository is indexed or an unfinished run left code of it."""
        self._check_exists()
        return next(self.scroll("file", repo), None) is not None or any(
            known.name == repo for known in self.repositories()
        )

    def query(self, query: EncodedQuery, where: Where, limit: int) -> list[Candidate]:
        """Return the union of the `limit` best chunks by each vector, with all scores."""
        self._check_exists()
        selection = select(where, self._known_files)
        if selection.is_empty:
            return []
        return find_candidates(_Selected(self, selection), query, limit, selection.admits)

    def chunks(self, repo: str, file_path: str) -> list[Chunk]:
        """Return the chunks of a file in line order."""
        self._check_exists()
        found = [Chunk.from_payload(payload) for payload in self.pages(self.code, self.among(repo, [file_path]))]
        return sorted(found, key=lambda chunk: chunk.line_start)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()

    def among(self, repo: str, file_paths: Sequence[str] | None, further: Any = None) -> Any:
        """Return the filter for the chunks of some files, or of a whole repository."""
        from qdrant_client import models

        return Selection(repos=[repo], file_paths=file_paths).filter(models, further)

    def of_kind(self, kind: str, repo: str | None = None) -> Any:
        """Return the filter for records of a kind: "file", "repository", "lease" or "format"."""
        from qdrant_client import models

        fields = {"kind": kind} | ({} if repo is None else {"repo": repo})
        return models.Filter(
            must=[models.FieldCondition(key=key, match=models.MatchValue(value=value)) for key, value in fields.items()]
        )

    def scroll(self, kind: str, repo: str | None = None) -> Iterator[dict[str, Any]]:
        """Return the payloads of matching records."""
        return self.pages(self.records, self.of_kind(kind, repo))

    def pages(self, collection: str, wanted: Any) -> Iterator[dict[str, Any]]:
        """Yield the payloads of all points that match a filter."""
        offset = None
        while True:
            with self.reading():
                points, offset = self.client.scroll(collection, wanted, limit=PAGE, offset=offset, with_payload=True)
            yield from (point.payload or {} for point in points)
            if offset is None:
                return

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Translate the client's errors; for REST_SECONDS after a failure to connect, reads fail fast."""
        from ml.index.store.server.errors import translate_errors

        self._rest.enter(REST_SECONDS)
        try:
            with translate_errors(self.place):
                yield
        except StoreAwayError as error:
            self._rest.begin(REST_SECONDS, error.cause)
            raise
        except StoreError as error:
            self._rest.end()
            self._exists = self._exists and not isinstance(error, StoreMissingError)
            raise
        self._rest.end()

    def _check_exists(self) -> None:
        if not self.exists():
            raise StoreMissingError(
                f"nothing is indexed at {self.place} with the embedder {self.embedder}",
                "run: codeintel index PATH_OR_URL",
            )

    def _create(self) -> None:
        """Create the collections or complete unfinished ones; the header is written last and marks them complete."""
        from qdrant_client import models

        from ml.index.store.server.errors import translate_errors

        dense = models.VectorParams(
            size=self.dimension,
            distance=models.Distance.DOT,
            datatype=models.Datatype.FLOAT16,
            hnsw_config=models.HnswConfigDiff(m=0),  # no graph: search is exact
        )
        sparse = {name: models.SparseVectorParams(modifier=models.Modifier.IDF) for name in (TEXT, NAMES)}
        with translate_errors(self.place):
            self._create_collection(self.code, {DENSE: dense}, sparse)
            self._index_fields(self.code, INDEXED_FIELDS)
            self._create_collection(self.records, {})
            self._index_fields(self.records, ("kind", "repo"))
            header = {"kind": "format", "format": FORMAT, "embedder": self.embedder, "dimension": self.dimension}
            format_point = models.PointStruct(id=FORMAT_ID, vector={}, payload=header)
            self.client.upsert(self.records, [format_point], timeout=WRITE_SECONDS)
        self._exists = True

    def _create_collection(self, name: str, dense: Any, sparse: Any = None) -> None:
        """Create a collection unless it exists; if another writer was faster, use theirs."""
        from qdrant_client import models
        from qdrant_client.http.exceptions import UnexpectedResponse

        try:
            if not self.client.collection_exists(name):
                self.client.create_collection(
                    name,
                    dense,
                    sparse,
                    shard_number=self.layout.shards,
                    replication_factor=self.layout.replicas,
                    optimizers_config=models.OptimizersConfigDiff(deleted_threshold=GONE_SHARE),
                    timeout=WRITE_SECONDS,
                )
        except (UnexpectedResponse, ValueError):  # the client's in-memory mode raises ValueError
            if not self.client.collection_exists(name):
                raise

    def _index_fields(self, collection: str, fields: Sequence[str]) -> None:
        from qdrant_client import models

        for name in fields:
            self.client.create_payload_index(collection, name, models.PayloadSchemaType.KEYWORD, timeout=WRITE_SECONDS)

    def _known_files(self) -> FileIndex:
        read_at, files = self._files
        if time.monotonic() - read_at > FILES_SECONDS or not files:
            files = FileIndex((payload["repo"], payload["path"]) for payload in self.scroll("file"))
            self._files = time.monotonic(), files
        return files


@dataclass(frozen=True, slots=True)
class _Selected:
    """A collection with a filter: the engine for `find_candidates`."""

    store: ServerStore
    selection: Selection

    def search(
        self, queries: Mapping[str, Query], limit: int, ids: Mapping[str, Collection[str]] | None = None
    ) -> dict[str, Ranked]:
        from qdrant_client import models

        wanted = self.selection.filters(models, queries, ids, lambda points: models.HasIdCondition(has_id=list(points)))
        requests = [
            models.QueryRequest(query=_vector(query), using=name, filter=wanted[name], limit=limit, with_payload=False)
            for name, query in queries.items()
        ]
        with self.store.reading():
            answers = self.store.client.query_batch_points(self.store.code, requests)
        return {
            name: [(str(point.id), point.score) for point in answer.points]
            for name, answer in zip(queries, answers, strict=True)
        }

    def chunks(self, ids: Collection[str]) -> dict[str, Chunk]:
        with self.store.reading():
            found = self.store.client.retrieve(self.store.code, list(ids), with_payload=True)
        return {str(record.id): Chunk.from_payload(record.payload or {}) for record in found}


def _vector(query: Query) -> Any:
    from qdrant_client import models

    if isinstance(query, SparseVector):
        return models.SparseVector(indices=query.indices, values=query.values)
    return query.tolist()
