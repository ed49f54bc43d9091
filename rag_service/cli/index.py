"""`codeintel index`: builds or updates the index."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ml.errors import SettingsError
from rag_service.cli import options, progress, terminal

if TYPE_CHECKING:
    from ml.index.build import IndexReport, Progress
    from ml.settings import Settings

MOST_NAMED = 20


@click.command(short_help="Build or update the index.")
@click.argument("sources", nargs=-1, metavar="PATH_OR_URL...")
@click.option("--name", metavar="N", help="Name of the repository.  [default: the folder's or the URL's last part]")
@click.option("--revision", metavar="REV", help="A commit, branch or tag instead of the files as they lie there.")
@click.option(
    "--pinned",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Index the repositories of a manifest (TOML), each at the revision that it is pinned to.",
)
@click.option(
    "--git-folder",
    "git_folders",
    metavar="DIR",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A folder of yours outside of the source where its git data may lie (git init --separate-git-dir, git clone "
    "--reference). Linked worktrees and submodules need none; any other is not read.",
)
@click.option("--prune", is_flag=True, help="With --pinned: remove all others from the index.")
@options.store_option
@options.json_option
def index(
    sources: tuple[str, ...],
    name: str | None,
    revision: str | None,
    pinned: Path | None,
    git_folders: tuple[Path, ...],
    prune: bool,
    store: str | None,
    as_json: bool,
) -> None:
    """Build the index of folders, git repositories, git URLs or archives, or update it where it is there already.

    Only what changed is read into the index; a run that was killed goes on where it stopped.
    """
    if len(sources) > 1 and (name or revision):
        raise SettingsError("--name and --revision are for one source", "index the sources one by one")
    if bool(sources) == bool(pinned) or (pinned and (name or revision)) or (prune and not pinned):
        raise SettingsError("there is nothing to index, or two things", "give PATH_OR_URL, or --pinned FILE alone")
    settings = options.settings_with(store=store)
    pins = index_pinned(pinned, settings, prune=prune, git_folders=git_folders) if pinned else []
    reports = pins or index_all(sources, settings, name=name, revision=revision, git_folders=git_folders)
    if as_json:
        terminal.print_json([as_dict(report) for report in reports])
        return
    for report in reports:
        terminal.echo(*summary(report))


def index_all(
    sources: Sequence[str],
    settings: "Settings",
    *,
    name: str | None = None,
    revision: str | None = None,
    git_folders: Sequence[Path] = (),
) -> list["IndexReport"]:
    """Index each source, a progress bar on stderr where a person looks."""
    from ml.index import open_index
    from ml.index.build import build_index

    options.check_sources(sources)
    store, embedder = open_index(settings)
    reports = []
    for source in sources:
        with progress_bar(source) as draw:
            report = build_index(
                source,
                store,
                embedder,
                name=name,
                revision=revision,
                max_file_bytes=settings.max_file_bytes,
                workers=settings.workers,
                progress=draw,
                git_folders=git_folders,
            )
        reports.append(report)
    store.close()
    return reports


def index_pinned(
    manifest: Path, settings: "Settings", *, prune: bool = False, git_folders: Sequence[Path] = ()
) -> list["IndexReport"]:
    """Index what a manifest pins, at the revisions that it names; `prune` removes all other repositories."""
    from ml.index import open_index
    from ml.index.pinned import read_pins

    pins = read_pins(manifest)
    for pin in pins:
        pin.check()
    reports = [
        report
        for pin in pins
        for report in index_all(
            [pin.source],
            settings,
            name=pin.name,
            revision=pin.revision if pin.is_commit else None,
            git_folders=git_folders,
        )
    ]
    if prune:
        store, _ = open_index(settings)
        for name in {repository.name for repository in store.repositories()} - {pin.name for pin in pins}:
            store.remove(name)
        store.close()
    return reports


@contextmanager
def progress_bar(source: str) -> "Iterator[Progress | None]":
    """Yield what draws files done, chunks a second and time left; None where stderr is no terminal."""
    words = {"read": f"indexing {source[-40:]}", "publish": "writing the index"}
    begun = time.monotonic()
    with progress.bar(f"reading {source[-40:]}") as draw:

        def show(stage: str, files: int, total: int, chunks: int) -> None:
            elapsed = time.monotonic() - begun
            rate = f", {chunks / elapsed:,.0f}/s" if elapsed > 1 else ""
            draw(words[stage], files, total, f"files  {chunks:,} chunks{rate}")  # type: ignore[misc]

        yield show if draw else None


def as_dict(report: "IndexReport") -> dict[str, Any]:
    """Return a report for programs."""
    return asdict(report) | {"repository": report.repository.name, "revision": report.repository.revision}


def summary(report: "IndexReport") -> terminal.Line:
    """Return a report for a person: a line, and one each for what was left out, redacted and too slow."""
    name = terminal.style(report.repository.name, bold=True)
    counts = f"{report.files:,} files, {report.chunks:,} chunks"
    if report.changed or report.removed:
        rate = f", {report.embedded / report.seconds:,.0f} chunks/s" if report.embedded >= 1_000 else ""
        news = f"{report.changed:,} files new or changed, {report.removed:,} gone; {report.seconds:.1f} s{rate}"
    else:
        news = f"nothing changed; {report.seconds:.1f} s"
    parts: list[terminal.Part] = [name, f"  {counts}  ", terminal.style(f"({news})", dim=True)]
    for label, kinds in (("left out", report.skipped), ("redacted", report.redacted)):
        if kinds:
            ranked = sorted(kinds.items(), key=lambda item: (-item[1], item[0]))
            listed = ", ".join(f"{count:,} {kind}" for kind, count in ranked)
            parts += ["\n", terminal.style(f"  {label}: {listed}", dim=True)]
    if report.too_slow:
        named = ", ".join(report.too_slow[:MOST_NAMED]) + (", …" if len(report.too_slow) > MOST_NAMED else "")
        parts += ["\n", terminal.style(f"  too slow: {named}", dim=True)]
    return parts
