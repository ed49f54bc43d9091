"""`codeintel repos`: list the indexed repositories."""

from typing import TYPE_CHECKING

import click

from rag_service import wire
from rag_service.cli import options, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.index.store.base import Repository


@click.command(short_help="List the indexed repositories.")
@click.option("--skipped", is_flag=True, help="Also list the files and folders that were left out, and why.")
@options.store_option
@options.json_option
def repos(skipped: bool, store: str | None, as_json: bool) -> None:
    """List the indexed repositories and how fresh they are."""
    from ml.index import open_index

    opened, _ = open_index(options.settings_with(store=store))
    repositories = opened.repositories()
    if as_json:
        terminal.print_json([wire.repository(repository, skipped=skipped) for repository in repositories])
        return
    for repository in repositories:
        terminal.echo(*line(repository))
        for left in left_out_lines(repository) if skipped else ():
            terminal.echo(left)


def left_out_lines(repository: "Repository") -> "Iterator[str]":
    """Yield one line per left-out file or folder; those of a reason beyond the stored names are counted."""
    for reason, count in repository.skipped.items():
        names = repository.left_out.get(reason, ())
        yield from (f"  {reason:<12}  {name}" for name in names)
        if count > len(names):
            yield f"  {reason:<12}  {count - len(names):,} more, which are not stored by name"


def line(repository: "Repository") -> terminal.Line:
    """Format a repository as one line."""
    name = terminal.style(repository.name, bold=True)
    counts = f"{repository.files:,} files  {repository.chunks:,} chunks"
    note = terminal.style(f"{repository.revision[:12]}  {repository.indexed_at}  {repository.source}", dim=True)
    return [name, f"  {counts}  ", note]
