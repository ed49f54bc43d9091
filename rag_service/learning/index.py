"""The first stage: the index of folders, git repositories, git URLs and archives."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.errors import SettingsError

if TYPE_CHECKING:
    from ml.index.build import IndexReport, Progress
    from ml.settings import Settings

Shown = Callable[[str], "AbstractContextManager[Progress | None]"]
"""Returns what shows the progress of one source."""


@dataclass(frozen=True, slots=True)
class IndexRequest:
    """What to index: sources, or a manifest of pinned ones; `name` and `revision` are for one source.

    With `prune` all that the manifest does not pin leaves the index.
    """

    sources: tuple[str, ...] = ()
    pinned: Path | None = None
    name: str | None = None
    revision: str | None = None
    prune: bool = False

    def __post_init__(self) -> None:
        if len(self.sources) > 1 and (self.name or self.revision):
            raise SettingsError("--name and --revision are for one source", "index the sources one by one")
        pinned_and_more = self.pinned and (self.sources or self.name or self.revision)
        if not (self.sources or self.pinned) or pinned_and_more or (self.prune and not self.pinned):
            raise SettingsError("there is nothing to index, or two things", "give PATH_OR_URL, or --pinned FILE alone")


def build_indexes(
    settings: "Settings", request: IndexRequest, shown: Shown = lambda source: nullcontext()
) -> "list[IndexReport]":
    """Build or update the index of each source, and return a report on each. Raise the errors of sources and store."""
    if request.pinned:
        return _build_pinned(settings, request.pinned, shown, prune=request.prune)
    return _build(settings, request.sources, shown, request.name, request.revision)


def as_dict(report: "IndexReport") -> dict[str, Any]:
    """Return a report for programs."""
    return asdict(report) | {"repository": report.repository.name, "revision": report.repository.revision}


def _build(
    settings: "Settings", sources: Sequence[str], shown: Shown, name: str | None = None, revision: str | None = None
) -> "list[IndexReport]":
    from ml.index import open_index
    from ml.index.build import build_index

    store, embedder = open_index(settings)
    reports = []
    with closing(store):
        for source in sources:
            with shown(source) as progress:
                report = build_index(
                    source,
                    store,
                    embedder,
                    name=name,
                    revision=revision,
                    max_file_bytes=settings.max_file_bytes,
                    workers=settings.workers,
                    progress=progress,
                )
            reports.append(report)
    return reports


def _build_pinned(settings: "Settings", manifest: Path, shown: Shown, *, prune: bool) -> "list[IndexReport]":
    from ml.index import open_index
    from ml.index.pinned import read_pins

    pins = read_pins(manifest)
    for pin in pins:
        pin.check()
    reports = [
        report
        for pin in pins
        for report in _build(settings, [pin.source], shown, pin.name, pin.revision if pin.is_commit else None)
    ]
    if prune:
        store, _ = open_index(settings)
        with closing(store):
            for name in {repository.name for repository in store.repositories()} - {pin.name for pin in pins}:
                store.remove(name)
    return reports
