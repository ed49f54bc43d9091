"""Runs the service: `codeintel serve`."""

import logging
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import anyio
import click
from fastapi import FastAPI

from ml.errors import ServeError
from rag_service.http.app import create_app
from rag_service.http.limits.listening import ResilientServer
from rag_service.http.limits.resources import BACKLOG
from rag_service.http.limits.security import check_exposure

if TYPE_CHECKING:
    from ml.settings import Settings
    from rag_service.http.running import QuestionExecutor


class Server(ResilientServer):
    """Says where it listens once it does, and lets answers under way come to their end when it stops."""

    def __init__(self, app: FastAPI, url: str, *, open_browser: bool = False) -> None:
        settings: Settings = app.state.settings
        super().__init__(app, settings, seconds_to_finish=settings.shutdown_seconds)
        self._seconds_to_finish = settings.shutdown_seconds
        self._executor: QuestionExecutor = app.state.executor
        self._url = url
        self._open_browser = open_browser

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, tells the address, and opens it if that was asked for."""
        await super().startup(sockets)
        click.echo(f"codeintel listens at {self._url} (Ctrl+C stops it)", err=True)
        if self._open_browser:
            import webbrowser

            webbrowser.open(self._url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no new questions, waits for the answers under way, and cuts those short that take too long."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._cut_short)
            await super().shutdown(sockets)
            tasks.cancel_scope.cancel()

    async def _cut_short(self) -> None:
        await anyio.sleep(self._seconds_to_finish)
        self._executor.stop()


def serve(settings: "Settings", *, open_browser: bool = False, allow_anonymous: bool = False) -> None:
    """Serve the page and the APIs until stopped.

    Raise ServeError where the address can't be listened at, or would let other machines in without a key.
    """
    check_exposure(settings, settings.host, allow_anonymous=allow_anonymous)
    with listen(settings.host, settings.port) as listening:
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        server = Server(create_app(settings), address(settings.host, settings.port), open_browser=open_browser)
        with suppress(KeyboardInterrupt):  # uvicorn raises it again once all is closed
            server.run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket. Raise ServeError for a port in use, or an address that is not this machine's."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(BACKLOG)
    except OSError as error:
        raise ServeError(
            f"can't listen at {host} port {port} ({error.strerror})", "choose another with --port, or --host"
        ) from error
    return listening


def address(host: str, port: int) -> str:
    """Return the URL to open in a browser on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host.strip("[]"), host)  # noqa: S104  # compared, not bound
    return f"http://[{name}]:{port}" if ":" in name and not name.startswith("[") else f"http://{name}:{port}"
