"""`codeintel index`: build or update the index."""

import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_service.cli import options, progress, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.index.build import IndexReport, Progress
    from ml.settings import Settings

MOST_NAMED = 20


@click.command(short_help="Build or update the index.")
@click.argument("sources", nargs=-1, metavar="PATH_OR_URL...")
@click.option("--name", metavar="N", help="Name of the repository.  [default: last part of the path or URL]")
@click.option("--revision", metavar="REV", help="A commit, branch or tag instead of the working tree.")
@click.option(
    "--pinned",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Index the repositories of a manifest (TOML), each at its pinned revision.",
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
@click.option("--prune", is_flag=True, help="With --pinned: remove all other repositories from the index.")
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
    """Build the index of folders, git repositories, git URLs or archives, or update an existing one.

    Only changes are indexed; a run that was killed resumes where it stopped.
    """
    from rag_service.learning.index import IndexRequest, as_dict, build_indexes

    request = IndexRequest(sources, pinned, name, revision, prune, git_folders)
    reports = build_indexes(options.settings_with(store=store), request, progress_bar)
    if as_json:
        terminal.print_json([as_dict(report) for report in reports])
        return
    for report in reports:
        terminal.echo(*summary(report))


def index_all(sources: tuple[str, ...], settings: "Settings") -> "list[IndexReport]":
    """Index sources, with a progress bar on stderr if it is a terminal, and return a report on each."""
    from rag_service.learning.index import IndexRequest, build_indexes

    return build_indexes(settings, IndexRequest(sources), progress_bar)


@contextmanager
def progress_bar(source: str) -> "Iterator[Progress | None]":
    """Yield a progress callback (files, chunks/s, time left), or None if stderr is not a terminal."""
    words = {"read": f"indexing {source[-40:]}", "publish": "writing the index"}
    begun = time.monotonic()
    with progress.bar(f"reading {source[-40:]}") as draw:

        def show(stage: str, files: int, total: int, chunks: int) -> None:
            elapsed = time.monotonic() - begun
            rate = f", {chunks / elapsed:,.0f}/s" if elapsed > 1 else ""
            draw(words[stage], files, total, f"files  {chunks:,} chunks{rate}")  # type: ignore[misc]

        yield show if draw else None


def summary(report: "IndexReport") -> terminal.Line:
    """Format a report: a summary line, then one line each for skipped, redacted and slow files."""
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
