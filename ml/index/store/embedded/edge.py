"""The embedded store: Qdrant Edge in this process, in one folder.

    manifest.json    the current shard, its checksums, the repositories and their files; replaced atomically
    shards/NAME/     a shard of Qdrant Edge, immutable once the manifest names it
    staging/         finished files of uncommitted runs
    writer.lock      held by the writer

An update builds a new shard next to the old one and then replaces the manifest, so a kill at any point leaves the last
good index. The old shard is deleted at once, so no removed data lingers; readers that have it open can finish.
"""

import os
import shutil
import stat
import threading
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ml.errors import StoreCorruptError, StoreFullError, StoreMissingError
from ml.index.chunk import Chunk
from ml.index.store.base import Candidate, EncodedQuery, Repository, Where
from ml.index.store.embedded.files import damaged, disk_errors
from ml.index.store.embedded.manifest import FILE_NAME, Manifest, corrupt_index, read_manifest
from ml.memo import Memo
from ml.private import close_folder

if TYPE_CHECKING:
    from ml.index.store.candidates import Query, Ranked
    from ml.index.store.embedded.shard import Shard
    from ml.index.store.embedded.update import EdgeUpdate
    from ml.index.store.selection import FileIndex, Selection

SHARDS = "shards"
READ_FILES = 256  # recently read files stay in memory: answers keep coming back to the same ones
FOUND_CHUNKS = 8_192  # as do the chunks that searches found, about 2 KB each
SEARCHES = 128  # and recent results, such as the callers of popular symbols
# How often opening is retried because a writer replaced the shard at the same moment.
ATTEMPTS = 5


class EdgeStore:
    """The store in a folder. Thread-safe; each call sees the latest change by another process."""

    # Ranking and citing results hold the GIL: with more threads all of them finish late.
    searches_at_once = 1

    def __init__(self, folder: Path, embedder: str, dimension: int) -> None:
        self.folder = folder
        self.embedder = embedder
        self.dimension = dimension
        self._published: _Published | None = None
        self._refreshing = threading.RLock()
        with suppress(StoreMissingError), disk_errors(folder):
            close_folder(folder)
            self.manifest()

    def repositories(self) -> list[Repository]:
        """Return the repositories by name."""
        return [known for _, known in sorted(self.manifest().repositories.items())]

    def files(self, repo: str) -> dict[str, str]:
        """Return path -> digest of the indexed files of a repository, empty if it is unknown."""
        return {path: file.digest for path, file in self.manifest().files.get(repo, {}).items()}

    def update(self, repo: str, index_version: int = 0) -> "EdgeUpdate":
        """Begin an update of one repository; create the folder if needed."""
        from ml.index.store.embedded.update import EdgeUpdate

        return EdgeUpdate(self, repo, index_version)

    def remove(self, repo: str) -> None:
        """Remove a repository and everything stored for it, including a killed run's staged files."""
        if not self._is_begun(repo):
            self.manifest()
        with self.update(repo) as update:
            update.remove()

    def is_known(self, repo: str) -> bool:
        """Return whether a repository is indexed or an unfinished run left code of it."""
        return self._is_begun(repo) or repo in self.manifest().repositories

    def _is_begun(self, repo: str) -> bool:
        from ml.index.store.embedded.staging import staging_path

        with disk_errors(self.folder):
            return staging_path(self.folder, repo).exists()

    def query(self, query: EncodedQuery, where: Where, limit: int) -> list[Candidate]:
        """Return the union of the `limit` best chunks by each vector, with all scores."""
        published, _ = self._searchable()
        return list(published.query(_QueryKey(query, where, limit)))

    def chunks(self, repo: str, file_path: str) -> list[Chunk]:
        """Return the chunks of a file in the order of their lines."""
        published, _ = self._searchable()
        return list(published.chunks(repo, file_path))

    def close(self) -> None:
        """Release the shard; a query in progress in another thread finishes first."""
        self._published = None

    def manifest(self) -> Manifest:
        """Return the published manifest; reread it only after a replacement."""
        return self._refresh().manifest

    def shard_path(self, manifest: Manifest) -> Path:
        """Check the files of a manifest's shard and return its folder. Raise StoreCorruptError."""
        path = self.folder / SHARDS / manifest.shard
        bad = damaged(path, manifest.checksums)
        if bad:
            raise corrupt_index(self.folder, f"{SHARDS}/{manifest.shard}/{bad} does not match its checksum")
        return path

    def _refresh(self) -> "_Published":
        with self._refreshing, disk_errors(self.folder):
            stamp = self._stamp()
            if self._published is None or self._published.stamp != stamp:
                manifest = read_manifest(self.folder, self.embedder, self.dimension)
                last = self._published
                kept = last.shard if last and last.manifest.shard == manifest.shard else None
                self._published = _Published(stamp, manifest, kept)
            return self._published

    def _stamp(self) -> tuple[int, int, int]:
        try:
            found = (self.folder / FILE_NAME).stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise StoreMissingError(
                f"nothing is indexed at {self.folder}", "run: codeintel index PATH_OR_URL"
            ) from error
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would block
            raise corrupt_index(self.folder, f"{FILE_NAME} is not a file")
        return found.st_mtime_ns, found.st_ino, found.st_size

    def _searchable(self) -> "tuple[_Published, Shard]":
        with self._refreshing, disk_errors(self.folder):
            for _ in range(ATTEMPTS):
                published = self._refresh()
                try:
                    published.shard = published.shard or self._load(published.manifest)
                except StoreCorruptError:
                    if self._stamp() == published.stamp:
                        raise
                    continue
                return published, published.shard
        raise corrupt_index(self.folder, "its shard is being replaced faster than it can be opened")

    def _load(self, manifest: Manifest) -> "Shard":
        from ml.index.store.embedded.shard import Shard

        path = self.shard_path(manifest)
        shard = None
        if all(os.access(path / name, os.W_OK) for name in ("", *manifest.checksums)):
            with suppress(StoreFullError):
                shard = Shard.load(path, self.folder)
        shard = shard or Shard.load_copy(path, manifest.checksums)
        if not path.exists():  # a writer deleted it meanwhile, so the load may be incomplete
            raise corrupt_index(self.folder, f"{SHARDS}/{manifest.shard} is missing")
        return shard


@dataclass(slots=True)
class _Published:
    """The manifest, its shard after the first search, and the chunks `found` by their ids."""

    stamp: tuple[int, int, int]
    manifest: Manifest
    shard: "Shard | None" = None
    found: dict[str, Chunk] = field(default_factory=dict)
    _files: "FileIndex | None" = None
    _read: "Memo[tuple[str, str], tuple[Chunk, ...]]" = field(default_factory=lambda: Memo(READ_FILES))
    _results: "Memo[_QueryKey, tuple[Candidate, ...]]" = field(default_factory=lambda: Memo(SEARCHES))

    def files(self) -> "FileIndex":
        """Return the files that globs are matched against."""
        if self._files is None:
            from ml.index.store.selection import FileIndex

            self._files = FileIndex((repo, path) for repo, files in self.manifest.files.items() for path in files)
        return self._files

    def chunks(self, repo: str, file_path: str) -> tuple[Chunk, ...]:
        """Return the chunks of a file in the order of their lines."""
        return self._read.get((repo, file_path), self._read_chunks)

    def query(self, query_key: "_QueryKey") -> "tuple[Candidate, ...]":
        """Return the candidates for a question."""
        return self._results.get(query_key, self._find)

    def _read_chunks(self, file: tuple[str, str]) -> tuple[Chunk, ...]:
        repo, file_path = file
        record = self.manifest.files.get(repo, {}).get(file_path)
        if not self.shard or not record or not record.chunks:
            return ()
        return tuple(sorted(self.shard.chunks(repo, file_path, record.chunks), key=lambda chunk: chunk.line_start))

    def _find(self, query_key: "_QueryKey") -> tuple[Candidate, ...]:
        from ml.index.store.candidates import find_candidates
        from ml.index.store.selection import select

        selection = select(query_key.where, self.files)
        if not self.shard or selection.is_empty or not self.manifest.chunks:
            return ()
        selected = _Selected(self.shard, selection, self.found)
        return tuple(find_candidates(selected, query_key.query, query_key.limit, selection.admits))


@dataclass(frozen=True, slots=True, eq=False)
class _QueryKey:
    """A query as a cache key, compared by its content."""

    query: EncodedQuery
    where: Where
    limit: int
    key: bytes = field(init=False)

    def __post_init__(self) -> None:
        sparse = self.query.text, self.query.names
        object.__setattr__(self, "key", self.query.dense.tobytes() + repr((sparse, self.where, self.limit)).encode())

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _QueryKey) and self.key == other.key


@dataclass(frozen=True, slots=True)
class _Selected:
    """A shard with a filter: the engine for `find_candidates`. Chunks that were found before are not read again."""

    shard: "Shard"
    selection: "Selection"
    found: dict[str, Chunk]

    def search(
        self, queries: "Mapping[str, Query]", limit: int, ids: Mapping[str, Collection[str]] | None = None
    ) -> "dict[str, Ranked]":
        return self.shard.search(self.selection, queries, limit, ids)

    def chunks(self, ids: Collection[str]) -> dict[str, Chunk]:
        known = {point: chunk for point in ids if (chunk := self.found.get(point))}
        new = self.shard.points(set(ids) - known.keys()) if len(known) < len(ids) else {}
        self.found.update(new)
        if len(self.found) > FOUND_CHUNKS:
            for point in list(self.found)[:-FOUND_CHUNKS]:  # the oldest
                self.found.pop(point, None)
        return known | new


def remove_other_shards(folder: Path, used: str) -> None:
    """Remove every shard except the current one. Each is first moved away, so that nobody opens a partial one."""
    if not (folder / SHARDS).is_dir():
        return
    for path in (folder / SHARDS).iterdir():
        if path.name != used:
            leaving = path.with_name(f".removed-{path.name}") if not path.name.startswith(".removed-") else path
            path.rename(leaving)
            shutil.rmtree(leaving, ignore_errors=True)
