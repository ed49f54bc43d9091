"""An update of one repository in the embedded store: staged file by file, then published as a whole."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self
from uuid import uuid4

from ml.errors import StoreMissingError
from ml.index.store.base import NOTHING, EncodedChunk, Repository
from ml.index.store.embedded.build_shard import Job, build_shard
from ml.index.store.embedded.edge import SHARDS, EdgeStore, remove_other_shards
from ml.index.store.embedded.files import disk_errors
from ml.index.store.embedded.lock import writer_lock
from ml.index.store.embedded.manifest import FileRecord, Manifest, complete_record, write_manifest
from ml.index.store.embedded.staging import Staging, staging_path
from ml.index.store.points import check_vectors
from ml.private import creation_mask, private_folder


class EdgeUpdate:
    """Resumes where a killed run stopped. Holds the writer's lock until the context exits."""

    def __init__(self, store: EdgeStore, repo: str, index_version: int) -> None:
        self._store = store
        self._repo = repo
        self._version = index_version
        with disk_errors(store.folder):
            private_folder(store.folder)
            self._lock = writer_lock(store.folder)
            try:
                self._open()
            except BaseException:
                self._lock.release()
                raise

    def _open(self) -> None:
        self._base = self._published()
        remove_other_shards(self._store.folder, self._base.shard)
        made_for = f"{self._repo} {self._version} {self._store.embedder} {self._store.dimension}"
        self._staging = Staging(staging_path(self._store.folder, self._repo), made_for)
        known = self._base.repositories.get(self._repo)
        self._stored = dict(self._base.files.get(self._repo, {}))
        self._files = dict(self._stored) if known and known.index_version == self._version else {}
        self._staged = self._staging.files()
        self._files.update(self._staged)

    def _published(self) -> Manifest:
        try:
            return self._store.manifest()
        except StoreMissingError:
            return Manifest()

    def put(
        self, file_path: str, file_digest: str, chunks: Sequence[EncodedChunk], redacted: Mapping[str, int] = NOTHING
    ) -> None:
        """Stage the new content of a file. Raise EmbedderError and StoreFullError."""
        check_vectors(chunks, self._store.dimension)
        language = chunks[0].chunk.language if chunks else ""
        record = FileRecord(file_digest, len(chunks), language, dict(redacted))
        with disk_errors(self._store.folder):
            self._staging.put(file_path, record, chunks)
        self._files[file_path] = self._staged[file_path] = record

    def delete(self, file_paths: Iterable[str]) -> None:
        """Remove files with the next commit."""
        gone = list(file_paths)
        with disk_errors(self._store.folder):
            self._staging.delete(gone)
        for path in gone:
            self._files.pop(path, None)
            self._staged.pop(path, None)

    def files(self) -> dict[str, str]:
        """Return path -> digest of the stored and the staged files."""
        return {path: record.digest for path, record in self._files.items()}

    def commit(self, repository: Repository) -> Repository:
        """Publish the change; if no file changed, only rewrite the record."""
        done = complete_record(repository, self._files, self._version)
        stale = [path for path, record in self._stored.items() if self._files.get(path) is not record]
        self._publish(self._base.with_repository(done, self._files), stale)
        return done

    def remove(self) -> None:
        """Publish the index without this repository."""
        with disk_errors(self._store.folder):
            self._staging.discard()
        self._staged = {}
        if self._base == Manifest():  # the very first run was interrupted
            return
        self._publish(self._base.without(self._repo), list(self._stored))

    def _publish(self, manifest: Manifest, stale: list[str]) -> None:
        store = self._store
        with disk_errors(store.folder):
            self._staging.close()
            if stale or self._staged or not manifest.shard:
                manifest = self._with_new_shard(manifest, stale)
            write_manifest(store.folder, manifest, store.embedder, store.dimension)
            remove_other_shards(store.folder, manifest.shard)
            self._staging.discard()

    def _with_new_shard(self, manifest: Manifest, stale: list[str]) -> Manifest:
        kept = self._base.chunks - sum(self._stored[path].chunks for path in stale)
        target = self._store.folder / SHARDS / uuid4().hex
        private_folder(target, creation_mask(self._store.folder))
        job = Job(
            folder=str(self._store.folder),
            target=str(target),
            dimension=self._store.dimension,
            repo=self._repo,
            base=str(self._store.shard_path(self._base)) if kept else "",
            base_files=list(self._base.checksums) if kept else [],
            stale=stale,
            staging=str(self._staging.path) if self._staged else "",
            chunks=manifest.chunks,
        )
        return replace(manifest, shard=target.name, checksums=build_shard(job))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with disk_errors(self._store.folder):
                self._staging.close()
                remove_other_shards(self._store.folder, self._published().shard)
        finally:
            self._lock.release()
