"""`codeintel remove`: remove repositories from the index."""

import click

from rag_service.cli import options, terminal


@click.command(short_help="Remove repositories from the index.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@options.store_option
def remove(names: tuple[str, ...], store: str | None) -> None:
    """Remove repositories and all their code from the index."""
    from ml.errors import SourceError
    from ml.index import open_index

    opened, _ = open_index(options.settings_with(store=store))
    for name in names:
        if not opened.is_known(name):
            known = ", ".join(repository.name for repository in opened.repositories())
            raise SourceError(f"no repository {name!r} is indexed", f"indexed are: {known or 'none'}")
    for name in names:
        opened.remove(name)
        terminal.echo("removed ", terminal.style(name))
