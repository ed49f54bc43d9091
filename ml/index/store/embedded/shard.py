"""A shard of Qdrant Edge: the only access to the engine, with its errors translated.

Search is exact (no HNSW graph): 100,000 chunks are scanned in 6 ms, and a graph would take longer to build than the
rest of an index run. Without a write-ahead log any number of processes can open an immutable shard.
"""

import errno
import re
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any

import qdrant_edge as edge

from ml.index.chunk import Chunk
from ml.index.store.base import SparseVector
from ml.index.store.candidates import Query, Ranked
from ml.index.store.embedded.files import GONE, copy, disk_errors, disk_full, system_failure
from ml.index.store.embedded.manifest import corrupt_index
from ml.index.store.embedded.staging import StagedChunk
from ml.index.store.points import DENSE, INDEXED_FIELDS, NAMES, TEXT
from ml.index.store.selection import Selection

BATCH = 1_000
# A deleted point causes its whole segment to be rewritten: large enough to search fast, small enough to rewrite fast.
SEGMENT = 20_000
SEGMENTS = 16
# How the engine words failed system calls; it checks the free disk space itself before it optimizes.
SYSTEM_ERROR = re.compile(r"\(os error ([0-9]{1,3})\)")
NO_ROOM = "Not enough space"
NO_MEMORY = "Cannot allocate memory"
EXACT = edge.SearchParams(exact=True)


class EngineErrors(AbstractContextManager[None]):
    """Translates the engine's errors, which are bare `Exception`s and Rust panics, into those under StoreError."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not Exception and (kind is None or kind.__name__ != "PanicException"):
            return
        said = str(error)
        if NO_ROOM in said:
            raise disk_full(self._folder) from error
        found = SYSTEM_ERROR.search(said)
        number = int(found[1]) if found else errno.ENOMEM if NO_MEMORY in said else 0
        if number and number not in GONE:
            raise system_failure(self._folder, number) from error
        raise corrupt_index(self._folder, f"the engine says: {' '.join(said.split())[:200]}") from error


def config(dimension: int) -> edge.EdgeConfig:
    """Return the shard's schema; `optimize` rewrites a segment after any deletion, so no deleted data lingers."""
    return edge.EdgeConfig(
        vectors={
            DENSE: edge.EdgeVectorParams(
                size=dimension, distance=edge.Distance.Dot, datatype=edge.VectorStorageDatatype.Float16
            )
        },
        sparse_vectors={name: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf) for name in (TEXT, NAMES)},
        hnsw_config=edge.HnswIndexConfig(m=0, ef_construct=4, full_scan_threshold=10),
        optimizers=edge.EdgeOptimizersConfig(
            deleted_threshold=0.0, vacuum_min_vector_number=0, default_segment_number=SEGMENTS, indexing_threshold=1
        ),
        wal_enabled=False,
        payload_memory=edge.Memory.Cold,
    )


class Shard:
    """An open shard; error messages name the store's folder."""

    def __init__(self, opened: edge.EdgeShard, folder: Path) -> None:
        self._shard = opened
        self._errors = EngineErrors(folder)

    @classmethod
    def create(cls, path: Path, folder: Path, dimension: int) -> "Shard":
        """Create an empty shard."""
        with EngineErrors(folder):
            made = edge.EdgeShard.create(str(path), config(dimension))
            for name in INDEXED_FIELDS:
                made.update(edge.UpdateOperation.create_field_index(name, edge.PayloadSchemaType.Keyword))
        return cls(made, folder)

    @classmethod
    def load(cls, path: Path, folder: Path) -> "Shard":
        """Open a writable shard."""
        with EngineErrors(folder):
            return cls(edge.EdgeShard.load(str(path)), folder)

    @classmethod
    def load_copy(cls, path: Path, names: Iterable[str]) -> "Shard":
        """Open a temporary copy of a shard on a read-only or full disk, since the engine always opens for writing."""
        with tempfile.TemporaryDirectory(prefix="codeintel-") as made:
            folder = Path(made)
            with disk_errors(folder):
                copy_shard(path, folder, names)
            return cls.load(folder, folder)

    def count(self) -> int:
        """Return the number of points."""
        with self._errors:
            return int(self._shard.count(edge.CountRequest(exact=True)))

    def search(
        self,
        selection: Selection,
        queries: Mapping[str, Query],
        limit: int,
        ids: Mapping[str, Collection[str]] | None = None,
    ) -> dict[str, Ranked]:
        """Return the best ids with their scores for each vector's name; see `candidates.Engine`."""
        wanted = selection.filters(edge, queries, ids, lambda points: edge.HasIdCondition(set(points)))
        requests = [
            edge.QueryRequest(limit=limit, query=_nearest(name, query), filter=wanted[name], params=EXACT)
            for name, query in queries.items()
        ]
        with self._errors:
            answers = self._shard.query_batch(edge.QueryBatchRequest(requests))
        return {
            name: [(str(point.id), point.score) for point in points]
            for name, points in zip(queries, answers, strict=True)
        }

    def points(self, ids: Collection[str]) -> dict[str, Chunk]:
        """Return chunks by the ids of their points."""
        with self._errors:
            found = self._shard.retrieve(list(ids), with_payload=True, with_vector=False)
            return {str(record.id): Chunk.from_payload(record.payload or {}) for record in found}

    def chunks(self, repo: str, file_path: str, limit: int) -> list[Chunk]:
        """Return at most `limit` chunks of a file, unsorted."""
        request = edge.ScrollRequest(limit=limit, filter=_files(repo, [file_path]), with_payload=True)
        with self._errors:
            records, _ = self._shard.scroll(request)
            return [Chunk.from_payload(record.payload or {}) for record in records]

    def delete(self, repo: str, file_paths: Sequence[str]) -> None:
        """Delete the points of files."""
        with self._errors:
            self._shard.update(edge.UpdateOperation.delete_points_by_filter(_files(repo, file_paths)))

    def insert(self, chunks: Iterable[StagedChunk]) -> None:
        """Insert points, or replace those with the same ids."""
        points = (_point(*chunk) for chunk in chunks)
        for number, batch in enumerate(_batches(points), start=1):
            with self._errors:
                self._shard.update(edge.UpdateOperation.upsert_points(batch))
                if number * BATCH % SEGMENT == 0:
                    self._shard.optimize()

    def finish(self) -> None:
        """Build the indexes, purge deleted data, flush everything and close."""
        with self._errors:
            self._shard.optimize()
            self._shard.flush()
            self._shard.close()


def copy_shard(source: Path, target: Path, names: Iterable[str]) -> None:
    """Copy only the files of a shard that its checksums name."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        copy(source / name, target / name)


def _files(repo: str, file_paths: Sequence[str]) -> edge.Filter:
    return Selection(repos=[repo], file_paths=file_paths).filter(edge)  # type: ignore[no-any-return]


def _nearest(name: str, query: Query) -> edge.Query:
    return edge.Query.Nearest(_sparse(query) if isinstance(query, SparseVector) else query.tolist(), using=name)


def _sparse(vector: SparseVector) -> edge.SparseVector:
    return edge.SparseVector(vector.indices, vector.values)


def _point(
    point: str, payload: dict[str, Any], dense: list[float], text: SparseVector, names: SparseVector
) -> edge.Point:
    vectors: dict[str, Any] = {
        name: _sparse(vector) for name, vector in ((TEXT, text), (NAMES, names)) if vector.indices
    }
    return edge.Point(point, {DENSE: dense, **vectors}, payload)


def _batches(points: Iterator[edge.Point]) -> Iterator[list[edge.Point]]:
    while batch := list(islice(points, BATCH)):
        yield batch
