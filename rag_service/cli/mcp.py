"""`codeintel mcp`: serve the assistant's tools to IDEs and agents."""

import click

from rag_service.cli import options


@click.command(short_help="Serve IDEs and agents over MCP.")
@click.option(
    "--http", is_flag=True, help="Serve streamable HTTP at /mcp instead of stdio, protected by the configured key."
)
@click.option("--port", default=8322, show_default=True, type=click.IntRange(1, 65535), help="Port for --http.")
@options.store_option
def mcp(http: bool, port: int, store: str | None) -> None:
    """Serve search_code, ask_code, read_lines and list_repositories over MCP (stdio; --http for streamable HTTP)."""
    from rag_service.mcp_server import serve

    serve(options.settings_with(store=store), port=port if http else None)
