"""`codeintel repos`: list the indexed repositories."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from rag_service.cli import options, terminal

if TYPE_CHECKING:
    from ml.index.store.base import Repository


@click.command(short_help="List the indexed repositories.")
@options.store_option
@options.json_option
def repos(store: str | None, as_json: bool) -> None:
    """List the indexed repositories and how fresh they are."""
    from ml.index import open_index

    opened, _ = open_index(options.settings_with(store=store))
    repositories = opened.repositories()
    if as_json:
        terminal.print_json([asdict(repository) for repository in repositories])
        return
    for repository in repositories:
        terminal.echo(*line(repository))


def line(repository: "Repository") -> terminal.Line:
    """Format a repository as one line."""
    name = terminal.style(repository.name, bold=True)
    counts = f"{repository.files:,} files  {repository.chunks:,} chunks"
    note = terminal.style(f"{repository.revision[:12]}  {repository.indexed_at}  {repository.source}", dim=True)
    return [name, f"  {counts}  ", note]
