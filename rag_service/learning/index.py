"""The first stage: index folders, git repositories, git URLs and archives."""

import os
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.errors import SettingsError, SourceError
from ml.visible import is_unicode

if TYPE_CHECKING:
    from ml.index.build import IndexReport, Progress
    from ml.settings import Settings

Shown = Callable[[str], "AbstractContextManager[Progress | None]"]
"""Returns a context manager that shows the progress of one source."""


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """What to index: sources, or a manifest of pinned ones; `name` and `revision` apply to a single source.

    With `prune`, repositories that the manifest does not pin are removed. `git_folders` are trusted folders outside a
    source that may contain its git data.
    """

    sources: tuple[str, ...] = ()
    pinned: Path | None = None
    name: str | None = None
    revision: str | None = None
    prune: bool = False
    git_folders: tuple[Path, ...] = ()

    def __post_init__(self) -> None:
        if len(self.sources) > 1 and (self.name or self.revision):
            raise SettingsError("--name and --revision are for one source", "index the sources one by one")
        pinned_and_more = self.pinned and (self.sources or self.name or self.revision)
        if not (self.sources or self.pinned) or pinned_and_more or (self.prune and not self.pinned):
            raise SettingsError(
                "neither or both of sources and a manifest are given", "pass either PATH_OR_URL or --pinned FILE"
            )


def build_indexes(
    settings: "Settings", request: IndexRequest, shown: Shown = lambda source: nullcontext()
) -> "list[IndexReport]":
    """Build or update the index of each source and return a report on each. Raise the errors of sources and store."""
    if not request.pinned:
        return _build(settings, request, shown)
    from ml.index.pinned import read_pins

    pins = read_pins(request.pinned)
    for pin in pins:
        pin.check()
    reports = []
    for pin in pins:
        revision = pin.revision if pin.is_commit else None
        one = IndexRequest((pin.source,), name=pin.name, revision=revision, git_folders=request.git_folders)
        reports += _build(settings, one, shown)
    if request.prune:
        _keep_only(settings, {pin.name for pin in pins})
    return reports


def as_dict(report: "IndexReport") -> dict[str, Any]:
    """Return a report as JSON values."""
    return asdict(report) | {"repository": report.repository.name, "revision": report.repository.revision}


def check_sources(sources: Sequence[str]) -> None:
    """Raise SourceError for a folder whose full path is not UTF-8, since no index could store it."""
    for source in sources:
        path = os.path.realpath(source)
        if not is_unicode(path) and Path(source).exists():
            raise SourceError(f"the path {path} is not UTF-8", "rename the folder or its parent folders")


def _build(settings: "Settings", request: IndexRequest, shown: Shown) -> "list[IndexReport]":
    from ml.index import open_index
    from ml.index.build import build_index

    check_sources(request.sources)
    store, embedder = open_index(settings)
    reports = []
    with closing(store):
        for source in request.sources:
            with shown(source) as progress:
                report = build_index(
                    source,
                    store,
                    embedder,
                    name=request.name,
                    revision=request.revision,
                    max_file_bytes=settings.max_file_bytes,
                    workers=settings.workers,
                    progress=progress,
                    git_folders=request.git_folders,
                )
            reports.append(report)
    return reports


def _keep_only(settings: "Settings", names: set[str]) -> None:
    from ml.index import open_index

    store, _ = open_index(settings)
    with closing(store):
        for name in {repository.name for repository in store.repositories()} - names:
            store.remove(name)
