"""`codeintel serve`: run the HTTP service and the web page."""

import click

from rag_service.cli import options


@click.command(short_help="Serve the web page and the APIs.")
@click.option("--host", help="Address to listen on.  [default: from the settings: this machine only]")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on.  [default: from the settings: 8321]")
@click.option("--open", "open_browser", is_flag=True, help="Open the page in the browser.")
@click.option(
    "--allow-anonymous", is_flag=True, help="Serve other machines without a key (behind a proxy that checks)."
)
@options.store_option
def serve(host: str | None, port: int | None, open_browser: bool, allow_anonymous: bool, store: str | None) -> None:
    """Serve the web page, the HTTP API and the OpenAI-compatible API."""
    from rag_service.http.server import serve as run

    settings = options.settings_with(host=host, port=port, store=store)
    run(settings, open_browser=open_browser, allow_anonymous=allow_anonymous)
