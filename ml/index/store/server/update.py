"""An update of one repository on a Qdrant server: several files at a time, each replaced as a whole."""

import os
import socket
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar
from uuid import uuid4

from qdrant_client import models

from ml.errors import StoreAwayError, StoreBusyError, StoreError
from ml.index.store.base import NOTHING, EncodedChunk, Repository, SparseVector
from ml.index.store.embedded.manifest import FileRecord, complete_record
from ml.index.store.points import DENSE, NAMES, TEXT, check_vectors, chunk_id, point_id
from ml.index.store.server.errors import translate_errors
from ml.index.store.server.server import WRITE_SECONDS, ServerStore

BATCH_POINTS = 256
BATCH_FILES = 256
# Qdrant accepts requests of up to 32 MiB; a number in a vector takes about 22 characters of JSON.
REQUEST_BYTES, NUMBER_BYTES, CHUNK_BYTES = 8 << 20, 22, 8 << 10
LEASE_SECONDS = 120.0
# How long a writer waits for an unavailable server; a restarted one is back within a minute.
PAUSES: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0)

HELD: set[str] = set()  # the owner of this process's leases

Result = TypeVar("Result")


class Writer:
    """Idempotent writes to the server.

    One that is interrupted by a restart of the server is therefore retried, for up to a minute.
    """

    def __init__(self, store: ServerStore) -> None:
        self._store = store
        self.pauses = PAUSES
        size = NUMBER_BYTES * store.dimension + CHUNK_BYTES
        self._most = max(1, min(BATCH_POINTS, REQUEST_BYTES // size))

    def upsert(self, collection: str, points: Sequence[models.PointStruct]) -> None:
        """Store points, in batches as large as the server accepts."""
        upsert = partial(self._store.client.upsert, collection, wait=True, timeout=WRITE_SECONDS)
        for start in range(0, len(points), self._most):
            self._patiently(partial(upsert, points=list(points[start : start + self._most])))

    def delete(self, collection: str, which: Any) -> None:
        """Remove points by their ids or by a filter."""
        self._patiently(partial(self._store.client.delete, collection, which, wait=True, timeout=WRITE_SECONDS))

    def payload(self, collection: str, point: str) -> dict[str, Any]:
        """Return the payload of a point, empty if there is no such point."""
        found = self._patiently(partial(self._store.client.retrieve, collection, [point]))
        return (found[0].payload or {}) if found else {}

    def _patiently(self, call: Callable[[], Result]) -> Result:
        for pause in self.pauses:
            with suppress(StoreAwayError), translate_errors(self._store.place):
                return call()
            time.sleep(pause)
        with translate_errors(self._store.place):
            return call()


class Lease:
    """The right to change a repository. It expires, so that a killed writer does not block others for long.

    On the killed writer's machine it blocks nobody, since the process is known to be dead. The lease is best effort: two
    writers that ask within the same few milliseconds may both get it until the first renews it, and clocks that differ
    by more than LEASE_SECONDS defeat it. Even then each file stays consistent.
    """

    def __init__(self, store: ServerStore, repo: str, writer: Writer) -> None:
        self._store = store
        self._repo = repo
        self._writer = writer
        self._id = point_id("lease", repo)
        self._owner = f"{socket.gethostname()} pid {os.getpid()} {uuid4().hex[:8]}"
        self._renewed = 0.0
        HELD.add(self._owner)
        self.renew()

    def renew(self) -> None:
        """Acquire or extend the lease. Raise StoreBusyError if another writer holds it."""
        if time.monotonic() - self._renewed < LEASE_SECONDS / 4:
            return
        self._check()
        payload = {"kind": "lease", "repo": self._repo, "owner": self._owner, "expires": time.time() + LEASE_SECONDS}
        self._writer.upsert(self._store.records, [record(self._id, payload)])
        self._check()
        self._renewed = time.monotonic()

    def release(self) -> None:
        """Release the lease."""
        HELD.discard(self._owner)
        self._writer.delete(self._store.records, [self._id])

    def _check(self) -> None:
        lease = self._writer.payload(self._store.records, self._id)
        if lease and lease["owner"] != self._owner and lease["expires"] > time.time() and not _is_dead(lease["owner"]):
            owner = " ".join(lease["owner"].split()[:-1])
            raise StoreBusyError(
                f"another process ({owner}) is writing to {self._repo!r} at {self._store.place}",
                f"wait until it is done, or {LEASE_SECONDS:.0f} seconds if it was killed",
            )


class ServerUpdate:
    """Resumes where a killed run stopped, because every file that was put has a record."""

    def __init__(self, store: ServerStore, repo: str, index_version: int) -> None:
        self._store = store
        self._repo = repo
        self._version = index_version
        self._writer = Writer(store)
        self._lease = Lease(store, repo, self._writer)
        try:
            stored = store.file_records(repo)
        except BaseException:
            self._end()
            raise
        self._outdated = {path for path, (_, version) in stored.items() if version != index_version}
        self._files = {path: file for path, (file, version) in stored.items() if version == index_version}
        self._points: list[models.PointStruct] = []
        self._waiting: dict[str, FileRecord] = {}

    def put(
        self, file_path: str, file_digest: str, chunks: Sequence[EncodedChunk], redacted: Mapping[str, int] = NOTHING
    ) -> None:
        """Replace a file, in batches of several files. Raise EmbedderError and StoreError."""
        check_vectors(chunks, self._store.dimension)
        language = chunks[0].chunk.language if chunks else ""
        if file_path in self._waiting:
            self._flush()
        self._points += [_point(chunk) for chunk in chunks]
        self._waiting[file_path] = FileRecord(file_digest, len(chunks), language, dict(redacted))
        if len(self._points) >= BATCH_POINTS or len(self._waiting) >= BATCH_FILES:
            self._flush()

    def delete(self, file_paths: Iterable[str]) -> None:
        """Remove files and their chunks."""
        self._flush()
        paths = list(file_paths)
        for start in range(0, len(paths), BATCH_FILES):
            self._delete(paths[start : start + BATCH_FILES])

    def files(self) -> dict[str, str]:
        """Return path -> digest of the stored files and of those put so far."""
        return {path: file.digest for path, file in (self._files | self._waiting).items()}

    def commit(self, repository: Repository) -> Repository:
        """Remove files of older index versions and write the repository's record."""
        self._flush()
        self.delete(self._outdated)
        done = complete_record(repository, self._files, self._version)
        about = record(_repository_id(self._repo), {"kind": "repository", "record": asdict(done)})
        self._writer.upsert(self._store.records, [about])
        return done

    def remove(self) -> None:
        """Remove the repository."""
        self._writer.delete(self._store.records, [_repository_id(self._repo)])
        self._writer.delete(self._store.code, self._store.among(self._repo, None))
        self._writer.delete(self._store.records, self._store.of_kind("file", self._repo))

    def _flush(self) -> None:
        """Write the pending files: first the new chunks, then delete the old ones, then write the records."""
        if not self._waiting:
            return
        self._lease.renew()
        new = models.HasIdCondition(has_id=[point.id for point in self._points])
        old = self._store.among(self._repo, list(self._waiting))
        old.must_not = [*(old.must_not or []), new]
        self._writer.upsert(self._store.code, self._points)
        self._writer.delete(self._store.code, old)
        self._writer.upsert(
            self._store.records, [self._file_record(path, file) for path, file in self._waiting.items()]
        )
        self._files |= self._waiting
        self._outdated -= self._waiting.keys()
        self._points, self._waiting = [], {}

    def _file_record(self, path: str, file: FileRecord) -> models.PointStruct:
        payload = {"kind": "file", "repo": self._repo, "path": path, "index_version": self._version}
        return record(_file_id(self._repo, path), payload | {"record": file.as_json()})

    def _delete(self, paths: list[str]) -> None:
        self._lease.renew()
        self._writer.delete(self._store.code, self._store.among(self._repo, paths))
        self._writer.delete(self._store.records, [_file_id(self._repo, path) for path in paths])
        for path in paths:
            self._files.pop(path, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not isinstance(error, StoreError):
                self._flush()
        finally:
            self._end()

    def _end(self) -> None:
        """Release the lease in a single attempt; if that fails, it expires."""
        self._writer.pauses = ()
        with suppress(StoreError):
            self._lease.release()


def record(point: str, payload: dict[str, Any]) -> models.PointStruct:
    """Return a point without vectors."""
    return models.PointStruct(id=point, vector={}, payload=payload)


def _is_dead(owner: str) -> bool:
    """Return whether a writer was a process on this machine that is dead; False for other machines."""
    host, _, pid, _ = owner.split()
    if host != socket.gethostname() or os.name != "posix":
        return False
    if int(pid) == os.getpid():  # the process id was the previous one's in a restarted container
        return owner not in HELD
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:  # another user's process
        return False
    return False


def _repository_id(repo: str) -> str:
    return point_id("repository", repo)


def _file_id(repo: str, path: str) -> str:
    return point_id("file", repo, path)


def _point(encoded: EncodedChunk) -> models.PointStruct:
    sparse = {name: vector for name, vector in ((TEXT, encoded.text), (NAMES, encoded.names)) if vector.indices}
    vectors: dict[str, Any] = {name: _sparse(vector) for name, vector in sparse.items()}
    vectors[DENSE] = encoded.dense.tolist()
    chunk = encoded.chunk
    return models.PointStruct(
        id=chunk_id(chunk.repo, chunk.file_path, chunk.line_start), vector=vectors, payload=chunk.payload()
    )


def _sparse(vector: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=vector.indices, values=vector.values)
