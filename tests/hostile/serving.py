"""The real service as a process, raw connections to it, and a check of its pulse."""

import os
import resource
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import psutil

from ml.settings import Settings
from tests.support.service import wait_ready

CODEINTEL = str(Path(sys.executable).with_name("codeintel"))
PATIENCE = 5.0  # seconds that a probe waits for /healthz


def environment(settings: Settings, folder: Path, **more: str) -> dict[str, str]:
    """Return what a command needs to use the index of these settings."""
    own = {"CODEINTEL_STORE": settings.store, "CODEINTEL_DATA_DIR": str(folder), "CODEINTEL_LLM": "none"}
    return os.environ | own | more


class Served:
    """A running `codeintel serve`."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.log = log

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def memory(self) -> int:
        """Memory in use, in bytes."""
        size: int = psutil.Process(self.process.pid).memory_info().rss
        return size

    def stop(self, seconds: float) -> int:
        """Send SIGTERM and return the exit status; fail if stopping takes longer."""
        self.process.terminate()
        return self.process.wait(seconds)


@contextmanager
def serve(
    settings: Settings, folder: Path, more: Mapping[str, str] | None = None, *, open_files: int = 0
) -> Iterator[Served]:
    """Run the service until the block ends, with a limit of open files if one is given."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    limit = ["prlimit", f"--nofile={open_files}:{open_files}"] if open_files else []
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*limit, CODEINTEL, "serve", "--port", str(port)],
            env=environment(settings, folder, **(more or {})),
            stdout=output,
            stderr=output,
        )
    try:
        wait_ready(port)
        yield Served(process, port, log)
    finally:
        process.kill()
        process.wait()


@contextmanager
def pulse(url: str) -> Iterator[list[float]]:
    """Query /healthz over new connections during the block; fail if one is not answered within PATIENCE."""
    ended = threading.Event()
    seconds: list[float] = []
    failures: list[str] = []

    client = httpx.Client(timeout=PATIENCE, limits=httpx.Limits(max_keepalive_connections=0))

    def watch() -> None:
        while not seconds or not ended.wait(0.05):
            started = time.monotonic()
            try:
                client.get(f"{url}/healthz").raise_for_status()
            except httpx.HTTPError as error:
                failures.append(f"{type(error).__name__} after {time.monotonic() - started:.2f} s")
            seconds.append(time.monotonic() - started)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seconds
    finally:
        ended.set()
        thread.join()
        client.close()
    assert not failures
    assert seconds


@contextmanager
def many_connections(port: int, count: int, sends: tuple[bytes, ...]) -> Iterator[list[socket.socket]]:
    """Open connections that each send one of the texts; keep them open during the block."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with ExitStack() as all_open:
        opened = []
        for number in range(count):
            connection = all_open.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            opened.append(connection)
            try:
                connection.sendall(sends[number % len(sends)])
            except OSError:  # closed already, to make room
                continue
        yield opened


def talk(port: int, *parts: bytes, pause: float = 0.0, seconds: float = 10) -> bytes:
    """Send the parts one after another and return the response, read until the peer closes or the timeout."""
    with socket.create_connection(("127.0.0.1", port), seconds) as connection:
        got = b""
        for part in parts:
            try:
                connection.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        try:
            while piece := connection.recv(65536):
                got += piece
        except OSError:
            pass
        return got
