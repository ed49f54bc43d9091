"""Build or update the index of one repository: read -> redact -> split -> embed -> store.

    worker processes read, redact, split and encode the files            (ml.index.prepare)
    the main process embeds their chunks and stores them per file        (Embedder.documents, Update.put)
    the change becomes visible as a whole at the end                     (Update.commit)

A file whose bytes did not change is only read. After a kill, the next run resumes where the last one stopped.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Protocol

from ml.errors import SourceError, StoreMissingError
from ml.index.embedder.base import Embedder
from ml.index.prepare import FILE_SECONDS, Preparation, Prepared, indexed_text, too_slow
from ml.index.sources import Skipped, Source, SourceFile, fingerprint, open_source, read
from ml.index.sources.files import size_of
from ml.index.store.base import MOST_LEFT_OUT, EncodedChunk, Repository, Store, Update
from ml.index.workers import run_in_workers

# Bump whenever the same file would yield different chunks or vectors: redaction, splitting, headers, sparse weights.
INDEX_VERSION = 3
EMBED_BATCH = 512
# One task of a worker.
TASK_FILES, TASK_BYTES = 64, 200_000
# Smaller inputs are split in this process, faster than workers start; a long file may have to be killed.
INLINE_BYTES, INLINE_FILE_BYTES = 300_000, 8_000
MAX_WORKERS = 8


@dataclass(frozen=True, slots=True)
class Unchanged:
    """A file whose bytes equal the indexed ones."""

    path: str


Result = Prepared | Skipped | Unchanged


class Progress(Protocol):
    """Callback that receives the progress of a run."""

    def __call__(self, stage: str, files: int, total: int, chunks: int) -> None:
        """Take note that `files` of `total` are done, with `chunks` so far; `stage` is "read", then "publish"."""
        ...


@dataclass(frozen=True, slots=True)
class IndexReport:
    """Result of a run. `files` and `chunks` are the repository's totals, the other counts are this run's.

    `stages` are seconds: CPU time of all workers for read, redact, split and encode, wall time for embed and store.
    `too_slow` are the paths of files that were skipped because they exceeded the time limit.
    """

    repository: Repository
    files: int
    chunks: int
    changed: int
    removed: int
    embedded: int
    seconds: float
    stages: Mapping[str, float]
    skipped: Mapping[str, int]
    redacted: Mapping[str, int]
    too_slow: Sequence[str] = ()


def build_index(
    spec: str,
    store: Store,
    embedder: Embedder,
    *,
    name: str | None = None,
    revision: str | None = None,
    max_file_bytes: int,
    workers: int = 0,
    progress: Progress | None = None,
    git_folders: Sequence[Path] = (),
) -> IndexReport:
    """Index a folder, a git repository, a git URL or an archive; `workers=0` means one per core.

    Raise SourceError for a source that can't be read or has nothing to index, and the errors of store and embedder.
    After an error or a kill the index is unchanged, and the next run resumes from there.
    """
    with open_source(spec, name=name, revision=revision, git_folders=git_folders) as source:
        if name is None:
            _check_name(source, store)
        with store.update(source.name, INDEX_VERSION) as update:
            preparation = Preparation(source.name, source.revision, max_file_bytes)
            workers = workers or min(os.cpu_count() or 1, MAX_WORKERS)
            return _Run(source, update, embedder, preparation, workers, progress or _no_progress).run()


def _check_name(source: Source, store: Store) -> None:
    try:
        known = {repository.name: repository for repository in store.repositories()}
    except StoreMissingError:
        return
    if source.name in known and known[source.name].source != source.origin:
        raise SourceError(
            f"another source is already indexed as {source.name!r} ({known[source.name].source})",
            f"choose another name with --name, or run: codeintel remove {source.name}",
        )


def _no_progress(stage: str, files: int, total: int, chunks: int) -> None:
    pass


@dataclass(slots=True)
class _Run:
    source: Source
    update: Update
    embedder: Embedder
    preparation: Preparation
    workers: int
    progress: Progress
    skipped: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    redacted: Counter[str] = field(default_factory=Counter)
    stages: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    present: set[str] = field(default_factory=set)
    waiting: list[Prepared] = field(default_factory=list)
    changed: int = 0
    embedded: int = 0

    def run(self) -> IndexReport:
        started = perf_counter()
        files = list(self._files())
        known = self.update.files()
        for done, result in enumerate(self._results(files, known), start=1):
            self._take(result)
            self.progress("read", done, len(files), self.embedded)
        self._embed_and_put()
        if not self.present:
            raise self._nothing_to_index()
        removed = known.keys() - self.present
        self.update.delete(removed)
        self.progress("publish", len(files), len(files), self.embedded)
        repository = self._commit()
        return IndexReport(
            repository=repository,
            files=repository.files,
            chunks=repository.chunks,
            changed=self.changed,
            removed=len(removed),
            embedded=self.embedded,
            seconds=perf_counter() - started,
            stages=dict(self.stages),
            skipped=repository.skipped,
            redacted=dict(self.redacted),
            too_slow=tuple(self.skipped.get("too slow", ())),
        )

    def _files(self) -> Iterator[SourceFile]:
        for found in self.source.walk():
            if isinstance(found, SourceFile):
                yield found
            else:
                self.skipped[found.reason].append(found.path)

    def _results(
        self, files: Sequence[SourceFile], known: Mapping[str, str]
    ) -> Iterator[Prepared | Skipped | Unchanged]:
        """Yield one result per file: unchanged and skipped files first, then the prepared ones."""
        changed = list(files)
        if known:
            changed = []
            for file in files:
                with self._timed("read"):
                    result = self._without_preparing(file, known.get(file.path))
                if result:
                    yield result
                else:
                    changed.append(file)
        yield from self._prepared(changed)

    def _without_preparing(self, file: SourceFile, known: str | None) -> Skipped | Unchanged | None:
        if known is None:
            text = read(file, self.preparation.max_file_bytes)
            return text if isinstance(text, Skipped) else None
        if fingerprint(file, self.preparation.max_file_bytes) == known:
            return Unchanged(file.path)
        return None

    def _prepared(self, files: Sequence[SourceFile]) -> Iterator[Prepared | Skipped]:
        sizes = [size_of(file.absolute) for file in files]
        if sum(sizes) < INLINE_BYTES and max(sizes, default=0) <= INLINE_FILE_BYTES:
            return map(self.preparation.prepare, files)
        return run_in_workers(self.preparation.prepare, _tasks(files, sizes), self.workers, too_slow, FILE_SECONDS)

    def _take(self, result: Result) -> None:
        if isinstance(result, Skipped):
            self.skipped[result.reason].append(result.path)
            return
        self.present.add(result.path)
        if isinstance(result, Unchanged):
            return
        self.changed += 1
        self.redacted.update(result.redacted)
        for stage, seconds in result.seconds.items():
            self.stages[stage] += seconds
        self.waiting.append(result)
        if sum(len(file.encoded) for file in self.waiting) >= EMBED_BATCH:
            self._embed_and_put()

    def _embed_and_put(self) -> None:
        files = [(file, list(file.chunks())) for file in self.waiting]
        self.waiting.clear()
        texts = [indexed_text(header, chunk.text) for _, chunks in files for chunk, header, _, _ in chunks]
        with self._timed("embed"):
            vectors = iter(self.embedder.documents(texts) if texts else ())
        with self._timed("store"):
            for file, chunks in files:
                encoded = [EncodedChunk(chunk, next(vectors), text, names) for chunk, _, text, names in chunks]
                self.update.put(file.path, file.digest, encoded, file.redacted)
        self.embedded += len(texts)

    def _commit(self) -> Repository:
        source = self.source
        left_out = {reason: sorted(paths)[:MOST_LEFT_OUT] for reason, paths in self.skipped.items()}
        about = Repository(source.name, source.origin, source.revision, skipped=self._counts(), left_out=left_out)
        with self._timed("store"):
            return self.update.commit(about)

    def _counts(self) -> dict[str, int]:
        """Return the number of skipped paths per reason, the most frequent reason first."""
        ordered = sorted(self.skipped.items(), key=lambda each: -len(each[1]))
        return {reason: len(paths) for reason, paths in ordered}

    def _nothing_to_index(self) -> SourceError:
        reasons = ", ".join(f"{count} {reason}" for reason, count in self._counts().items())
        return SourceError(
            f"{self.source.origin} has no files to index{f' (left out: {reasons})' if reasons else ''}",
            "name a folder or repository with source code",
        )

    @contextmanager
    def _timed(self, stage: str) -> Iterator[None]:
        started = perf_counter()
        yield
        self.stages[stage] += perf_counter() - started


def _tasks(files: Sequence[SourceFile], sizes: Sequence[int]) -> Iterator[list[SourceFile]]:
    task: list[SourceFile] = []
    size = 0
    for file, file_size in zip(files, sizes, strict=True):
        task.append(file)
        size += file_size
        if len(task) == TASK_FILES or size >= TASK_BYTES:
            yield task
            task, size = [], 0
    if task:
        yield task
