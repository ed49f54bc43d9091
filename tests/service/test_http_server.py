"""`codeintel serve` as a process: how it starts, fails to start, and stops."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from ml.settings import Settings
from tests.support.llm_server import llm_server, says_once, trickles
from tests.support.service import serving, wait_ready

CODEINTEL = str(Path(sys.executable).with_name("codeintel"))


def environment(settings: Settings, **more: str) -> dict[str, str]:
    own = {"CODEINTEL_STORE": settings.store, "CODEINTEL_DATA_DIR": settings.data_dir, "CODEINTEL_LLM": settings.llm}
    return os.environ | own | more


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def process(settings: Settings, port: int, **more: str) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen(
        [CODEINTEL, "serve", "--port", str(port)],
        env=environment(settings, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        started.kill()
        started.communicate()


@pytest.mark.parametrize(("sign", "code"), [(signal.SIGTERM, -signal.SIGTERM), (signal.SIGINT, 0)])
def test_it_prints_its_address_and_stops_quietly(indexed: Settings, sign: signal.Signals, code: int) -> None:
    port = free_port()
    with process(indexed, port) as running:
        wait_ready(port, seconds=30)
        running.send_signal(sign)
        printed, said = running.communicate(timeout=20)
    assert running.returncode == code
    assert printed == ""
    assert said == f"codeintel is listening on http://127.0.0.1:{port} (press Ctrl+C to stop)\n"


def test_an_answer_in_flight_is_finished_on_shutdown(indexed: Settings) -> None:
    port, gate = free_port(), threading.Event()
    with llm_server(says_once(gate, "The charger retries [1]. ")) as llm:
        more = {"CODEINTEL_LLM": "openai", "CODEINTEL_LLM_URL": llm.url, "CODEINTEL_LLM_MODEL": "m"}
        with process(indexed, port, **more) as running:
            wait_ready(port, seconds=30)
            headers = {"Accept": "text/event-stream"}
            question = {"question": "Where is the number of attempts to charge an order set?"}
            with httpx.stream("POST", f"http://127.0.0.1:{port}/api/ask", json=question, headers=headers) as response:
                events = response.iter_text()
                said = next(events)
                running.send_signal(signal.SIGTERM)
                refused_soon(port)
                gate.set()
                said += "".join(events)
            running.wait(timeout=20)
    assert "The charger retries [1]." in said
    assert "event: answer" in said


def refused_soon(port: int) -> None:
    """Wait until no new connection is accepted."""
    for _ in range(200):
        try:
            httpx.get(f"http://127.0.0.1:{port}/healthz")
        except httpx.HTTPError:
            return
        time.sleep(0.05)
    raise AssertionError("it still takes requests")


def test_an_answer_in_flight_does_not_block_shutdown(indexed: Settings) -> None:
    port = free_port()
    with llm_server(trickles("The charger retries. ", seconds=60)) as llm:
        more = {"CODEINTEL_LLM": "openai", "CODEINTEL_LLM_URL": llm.url, "CODEINTEL_LLM_MODEL": "m"}
        more["CODEINTEL_SHUTDOWN_SECONDS"] = "1"
        with process(indexed, port, **more) as running:
            wait_ready(port, seconds=30)
            headers = {"Accept": "text/event-stream"}
            question = {"question": "Where is the number of attempts to charge an order set?"}
            with httpx.stream("POST", f"http://127.0.0.1:{port}/api/ask", json=question, headers=headers) as response:
                next(response.iter_text())
                running.send_signal(signal.SIGTERM)
                running.wait(timeout=20)


def test_a_connection_works_after_idling(indexed: Settings) -> None:
    with serving(indexed) as url:
        connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=30)
        for pause in (0, 6):  # longer than most servers' five seconds
            time.sleep(pause)
            connection.request("GET", "/healthz")
            assert connection.getresponse().read()
        connection.close()


def test_a_port_in_use_is_a_one_line_error(indexed: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = serve_error(indexed, "--port", str(port))
    assert f"port {port}" in done
    assert "--port" in done


def test_another_machines_address_is_a_one_line_error(indexed: Settings) -> None:
    assert "--host" in serve_error(indexed, "--host", "192.0.2.1", "--allow-anonymous")


def test_other_machines_need_a_key(indexed: Settings) -> None:
    said = serve_error(indexed, "--host", "0.0.0.0", "--port", str(free_port()))
    assert "CODEINTEL_API_KEY" in said
    assert "--allow-anonymous" in said


def serve_error(settings: Settings, *options: str) -> str:
    done = subprocess.run(
        [CODEINTEL, "serve", *options], env=environment(settings), capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr
