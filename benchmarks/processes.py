"""The measured processes, run as users run them, on ports of their own."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

CODEINTEL = str(Path(sys.executable).with_name("codeintel"))
SECONDS_TO_START = 60


@dataclass(frozen=True, slots=True)
class Served:
    """A running server: its address and process."""

    address: str
    process: psutil.Process

    def cpu_seconds(self) -> float:
        """Return the CPU seconds used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


def free_port() -> int:
    """Return a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def server(command: Sequence[str], port: int, ready: str, settings: Mapping[str, str]) -> Iterator[Served]:
    """Run a server for the block, once it answers at the path `ready`."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **settings}
    )
    try:
        served = Served(f"http://127.0.0.1:{port}", psutil.Process(process.pid))
        _wait(f"{served.address}{ready}")
        yield served
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def service(store: str, **settings: str) -> Iterator[Served]:
    """Run `codeintel serve` over an index, with further settings."""
    port = free_port()
    command = [CODEINTEL, "serve", "--store", store, "--port", str(port)]
    environment = {f"CODEINTEL_{name.upper()}": value for name, value in settings.items()}
    with server(command, port, "/readyz", environment) as served:
        yield served


def _wait(url: str) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise TimeoutError(f"nothing answers at {url}")
