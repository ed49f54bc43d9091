"""A change of one repository on a Qdrant server: some files at a time, each replaced whole."""

import os
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from qdrant_client import models

from ml.errors import StoreBusyError, StoreError
from ml.index.store.base import NOTHING, EncodedChunk, Repository, SparseVector
from ml.index.store.manifest import FileRecord, completed
from ml.index.store.points import DENSE, NAMES, TEXT, check_vectors, chunk_id, point_id
from ml.index.store.server import ServerStore

BATCH_POINTS = 256
BATCH_FILES = 256
LEASE_SECONDS = 120.0


class Lease:
    """The right to change a repository. It expires, so that a writer that was killed bars nobody for long.

    Best effort: two that ask within the same few milliseconds may both get it until the first renews it, and clocks of
    machines that are off by more than LEASE_SECONDS defeat it. Files stay whole all the same.
    """

    def __init__(self, store: ServerStore, repo: str) -> None:
        self._store = store
        self._repo = repo
        self._id = point_id("lease", repo)
        self._owner = f"{socket.gethostname()} pid {os.getpid()} {uuid4().hex[:8]}"
        self._renewed = 0.0
        self.renew()

    def renew(self) -> None:
        """Takes the lease for another while. Raises StoreBusyError where another holds it."""
        if time.monotonic() - self._renewed < LEASE_SECONDS / 4:
            return
        self._check()
        payload = {"kind": "lease", "repo": self._repo, "owner": self._owner, "expires": time.time() + LEASE_SECONDS}
        with self._store.errors():
            self._store.client.upsert(self._store.records, [record(self._id, payload)], wait=True)
        self._check()
        self._renewed = time.monotonic()

    def release(self) -> None:
        """Gives the lease back."""
        with self._store.errors():
            self._store.client.delete(self._store.records, [self._id], wait=True)

    def _check(self) -> None:
        with self._store.errors():
            found = self._store.client.retrieve(self._store.records, [self._id])
        lease = (found[0].payload or {}) if found else {}
        if lease and lease["owner"] != self._owner and lease["expires"] > time.time():
            owner = " ".join(lease["owner"].split()[:-1])
            raise StoreBusyError(
                f"another process ({owner}) is writing to {self._repo!r} at {self._store.place}",
                f"wait until it is done; if it was killed, {LEASE_SECONDS:.0f} seconds",
            )


class ServerUpdate:
    """Goes on where a killed run stopped, because every file that was put has its record."""

    def __init__(self, store: ServerStore, repo: str, index_version: int) -> None:
        self._store = store
        self._repo = repo
        self._version = index_version
        self._lease = Lease(store, repo)
        try:
            stored = store.file_records(repo)
        except BaseException:
            self._lease.release()
            raise
        self._outdated = {path for path, (_, version) in stored.items() if version != index_version}
        self._files = {path: file for path, (file, version) in stored.items() if version == index_version}
        self._points: list[models.PointStruct] = []
        self._waiting: dict[str, FileRecord] = {}

    def put(
        self, file_path: str, file_digest: str, chunks: Sequence[EncodedChunk], redacted: Mapping[str, int] = NOTHING
    ) -> None:
        """Replaces a file, some files at a time. Raises EmbedderError and StoreError."""
        check_vectors(chunks, self._store.dimension)
        language = chunks[0].chunk.language if chunks else ""
        if file_path in self._waiting:
            self._flush()
        self._points += [_point(chunk) for chunk in chunks]
        self._waiting[file_path] = FileRecord(file_digest, len(chunks), language, dict(redacted))
        if len(self._points) >= BATCH_POINTS or len(self._waiting) >= BATCH_FILES:
            self._flush()

    def delete(self, file_paths: Iterable[str]) -> None:
        """Removes files and their chunks."""
        self._flush()
        paths = list(file_paths)
        for start in range(0, len(paths), BATCH_FILES):
            self._delete(paths[start : start + BATCH_FILES])

    def files(self) -> dict[str, str]:
        """Gives path -> digest of the stored files and of those put."""
        return {path: file.digest for path, file in (self._files | self._waiting).items()}

    def commit(self, repository: Repository) -> Repository:
        """Removes what an older index version left, and writes the repository's record."""
        self._flush()
        self.delete(self._outdated)
        done = completed(repository, self._files, self._version)
        self._write([record(_repository_id(self._repo), {"kind": "repository", "record": asdict(done)})])
        return done

    def remove(self) -> None:
        """Removes the repository."""
        with self._store.errors():
            self._store.client.delete(self._store.records, [_repository_id(self._repo)], wait=True)
            self._store.client.delete(self._store.code, self._store.among(self._repo, None), wait=True)
            self._store.client.delete(self._store.records, self._store.of_kind("file", self._repo), wait=True)

    def _flush(self) -> None:
        """Writes the waiting files: new chunks first, then the old ones go, then the records say that it is done."""
        if not self._waiting:
            return
        self._lease.renew()
        new = models.HasIdCondition(has_id=[point.id for point in self._points])
        old = self._store.among(self._repo, list(self._waiting))
        old.must_not = [*(old.must_not or []), new]
        with self._store.errors():
            if self._points:
                self._store.client.upsert(self._store.code, self._points, wait=True)
            self._store.client.delete(self._store.code, old, wait=True)
        self._write([self._file_record(path, file) for path, file in self._waiting.items()])
        self._files |= self._waiting
        self._outdated -= self._waiting.keys()
        self._points, self._waiting = [], {}

    def _file_record(self, path: str, file: FileRecord) -> models.PointStruct:
        payload = {"kind": "file", "repo": self._repo, "path": path, "index_version": self._version}
        return record(_file_id(self._repo, path), payload | {"record": file.as_json()})

    def _delete(self, paths: list[str]) -> None:
        self._lease.renew()
        with self._store.errors():
            self._store.client.delete(self._store.code, self._store.among(self._repo, paths), wait=True)
            ids: list[Any] = [_file_id(self._repo, path) for path in paths]
            self._store.client.delete(self._store.records, ids, wait=True)
        for path in paths:
            self._files.pop(path, None)

    def _write(self, records: list[models.PointStruct]) -> None:
        with self._store.errors():
            self._store.client.upsert(self._store.records, records, wait=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if not isinstance(error, StoreError):
                self._flush()
        finally:
            with suppress(StoreError) if error else nullcontext():
                self._lease.release()


def record(point: str, payload: dict[str, Any]) -> models.PointStruct:
    """Gives a point without vectors."""
    return models.PointStruct(id=point, vector={}, payload=payload)


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
