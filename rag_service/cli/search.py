"""`codeintel search`: print ranked chunks."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from rag_service import wire
from rag_service.cli import options, terminal

if TYPE_CHECKING:
    from ml.index.store.base import Where
    from rag_service.retrieve import Hit, Retriever

SHOWN_LINES = 6


@click.command(short_help="Find code: ranked chunks.")
@click.argument("query", required=False)
@click.option("--limit", "-n", default=10, show_default=True, type=click.IntRange(1, 1000), help="Number of chunks.")
@click.option(
    "--queries",
    type=click.File("rb"),
    metavar="FILE",
    help='Run many queries: a file of {"id": …, "query": …} lines; - is stdin.',
)
@click.option("--spread/--no-spread", default=True, help="Rank further hits in the same file lower.  [default: spread]")
@options.filter_options
@options.store_option
@options.json_option
def search(
    query: str | None,
    limit: int,
    queries: IO[bytes] | None,
    spread: bool,
    repos: tuple[str, ...],
    paths: tuple[str, ...],
    languages: tuple[str, ...],
    store: str | None,
    as_json: bool,
) -> None:
    """Find the code that best matches QUERY (a question, a symbol or words).

    With --queries, print one line per query: {"id": …, "results": […]}.
    """
    if (query is None) == (queries is None):
        raise click.UsageError("pass either QUERY or --queries FILE")
    from rag_service.retrieve import open_retriever

    settings = options.settings_with(store=store)
    retriever = open_retriever(settings)
    where = options.build_filter(repos, paths, languages)
    if queries is not None:
        answer_all(retriever, queries, where, limit, spread)
        return
    hits = retriever.search(query or "", where=where, limit=limit, spread=spread)
    if as_json:
        terminal.print_json([wire.hit(hit) for hit in hits])
    else:
        sources = {repository.name: repository.source for repository in retriever.store.repositories()}
        show(hits, terminal.Places(sources, settings.editor_link))


def read_queries(lines: IO[bytes]) -> Iterator[tuple[Any, str]]:
    """Yield the id and query of each `{"id": …, "query": …}` line. Raise UsageError with the number of a bad line."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            entry = json.loads(line)
            query = str(entry["query"])
            query.encode()
            yield entry["id"], query
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            name = Path(getattr(lines, "name", "-")).name
            raise click.UsageError(f'{name} line {number} is not {{"id": …, "query": …}}') from error


def answer_all(retriever: "Retriever", queries: IO[bytes], where: "Where", limit: int, spread: bool) -> None:
    """Print one JSON line per query."""
    for query_id, query in read_queries(queries):
        hits = retriever.search(query, where=where, limit=limit, spread=spread)
        terminal.print_json({"id": query_id, "results": [wire.hit(hit) for hit in hits]})


def show(hits: list["Hit"], places: terminal.Places) -> None:
    """Print hits as text: location, symbol and first lines."""
    if not hits:
        terminal.echo("nothing found")
    for number, hit in enumerate(hits, start=1):
        chunk = hit.chunk
        where = places.link(chunk.repo, chunk.file_path, chunk.line_start, chunk.line_end)
        symbol = terminal.style(chunk.symbol or chunk.kind, bold=True)
        note = terminal.style(f"{chunk.repo} · {hit.score:.3f}", dim=True)
        terminal.echo(f"{number:>2}. ", where, "  ", symbol, "  ", note)
        lines = chunk.text.split("\n")
        for offset, line in enumerate(lines[:SHOWN_LINES]):
            terminal.echo(terminal.style(f"    {chunk.line_start + offset:>5}  {line}", dim=True))
        if len(lines) > SHOWN_LINES:
            terminal.echo(terminal.style(f"           … {len(lines) - SHOWN_LINES} more lines", dim=True))
