"""The real application behind a real server, on a free port of this machine."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from ml.settings import Settings
from rag_service.http.app import create_app
from rag_service.http.server import Server, listen


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Run the service in a thread and yield its address."""
    with listen("127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = Server(create_app(settings), url)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield url
        finally:
            server.should_exit = True
            thread.join()


def wait_ready(port: int, seconds: float = 60) -> None:
    """Wait until a service that was started on a port of this machine is ready."""
    end = time.monotonic() + seconds
    with httpx.Client() as client:
        while time.monotonic() < end:
            try:
                client.get(f"http://127.0.0.1:{port}/readyz").raise_for_status()
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return
    raise AssertionError("the service did not get ready")
