"""Run the service: `codeintel serve`."""

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
    """Announces its address once it listens, and finishes answers in progress when it stops."""

    def __init__(self, app: FastAPI, url: str, *, open_browser: bool = False) -> None:
        settings: Settings = app.state.settings
        super().__init__(app, settings, seconds_to_finish=settings.shutdown_seconds)
        self._seconds_to_finish = settings.shutdown_seconds
        self._executor: QuestionExecutor = app.state.executor
        self._url = url
        self._open_browser = open_browser

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, print the address, and open it in a browser if requested."""
        await super().startup(sockets)
        click.echo(f"codeintel is listening on {self._url} (press Ctrl+C to stop)", err=True)
        if self._open_browser:
            import webbrowser

            webbrowser.open(self._url)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Reject new questions, wait for answers in progress, and cut off those that take too long."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._cut_short)
            await super().shutdown(sockets)
            tasks.cancel_scope.cancel()

    async def _cut_short(self) -> None:
        await anyio.sleep(self._seconds_to_finish)
        self._executor.stop()


def serve(settings: "Settings", *, open_browser: bool = False, allow_anonymous: bool = False) -> None:
    """Serve the page and the APIs until stopped.

    Raise ServeError if the address can't be used, or other machines could access the service without a key.
    """
    check_exposure(settings, settings.host, allow_anonymous=allow_anonymous)
    with listen(settings.host, settings.port) as listening:
        logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        server = Server(create_app(settings), address(settings.host, settings.port), open_browser=open_browser)
        with suppress(KeyboardInterrupt):  # uvicorn raises it again after closing everything
            server.run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """Open the listening socket. Raise ServeError if the port is in use or the address is not local."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen(BACKLOG)
    except OSError as error:
        raise ServeError(
            f"can't listen on {host} port {port} ({error.strerror})", "choose another with --port, or --host"
        ) from error
    return listening


def address(host: str, port: int) -> str:
    """Return the URL to open in a browser on this machine."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host.strip("[]"), host)  # noqa: S104  # compared, not bound
    return f"http://[{name}]:{port}" if ":" in name and not name.startswith("[") else f"http://{name}:{port}"
