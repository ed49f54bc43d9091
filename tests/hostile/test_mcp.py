"""Invalid frames are answered, and HTTP needs the key."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ml.settings import Settings
from tests.hostile.serving import CODEINTEL, environment

INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
}
PARSE_ERROR, INVALID_REQUEST = -32700, -32600


def search(number: object, query: str) -> dict[str, Any]:
    params = {"name": "search_code", "arguments": {"query": query, "limit": 1}}
    return {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}


@pytest.fixture(scope="module")
def ask(indexed: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """Send a line over stdio and return the answer."""
    process = subprocess.Popen(
        [CODEINTEL, "mcp"],
        env=environment(indexed, tmp_path_factory.mktemp("mcp")),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout

    def send(line: str) -> Any:
        assert process.stdin
        assert process.stdout
        process.stdin.write(line + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    try:
        assert send(json.dumps(INITIALIZE))["id"] == 1
        process.stdin.write('{"jsonrpc": "2.0", "method": "notifications/initialized"}\n')
        yield send
    finally:
        process.kill()
        process.communicate()


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("line", "number", "code"),
    [
        (json.dumps(search(3, "\ud800")), 3, PARSE_ERROR),
        (json.dumps(search("\ud800", "order")), None, PARSE_ERROR),
        ('{"jsonrpc": "2.0", "id": 4, "method": "\\udfff"}', 4, PARSE_ERROR),
        ("{no json", None, PARSE_ERROR),
        ("[" * 5_000, None, PARSE_ERROR),
        ("[]", None, INVALID_REQUEST),
        ('"text"', None, INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 5}', 5, INVALID_REQUEST),
        ('{"id": 6, "method": "ping"}', 6, INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 7, "method": "ping", "params": [1]}', 7, INVALID_REQUEST),
    ],
    ids=lambda value: str(value)[:30].encode("ascii", "replace").decode(),
)
def test_an_invalid_message_is_answered(ask: Callable[[str], Any], line: str, number: Any, code: int) -> None:
    refused = ask(line)
    assert (refused["id"], refused["error"]["code"]) == (number, code)
    assert ask(json.dumps(search(8, "shopping cart")))["result"]["structuredContent"]


@pytest.fixture
def locked(indexed: Settings, tmp_path: Path) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [CODEINTEL, "mcp", "--http", "--port", str(port)],
        env=environment(indexed, tmp_path, CODEINTEL_API_KEY="right-key"),
    )
    url = f"http://127.0.0.1:{port}/mcp"
    try:
        for _ in range(600):
            try:
                httpx.get(url)
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(20)


def test_http_needs_the_key(locked: str) -> None:
    headers = {"Accept": "application/json, text/event-stream"}
    for key in (None, "Bearer wrong", "Basic right-key"):
        given = headers | ({"Authorization": key} if key else {})
        assert httpx.post(locked, json=INITIALIZE, headers=given).status_code == 401
    welcome = httpx.post(locked, json=INITIALIZE, headers=headers | {"Authorization": "Bearer right-key"}, timeout=20)
    assert welcome.status_code == 200
    session = {"mcp-session-id": welcome.headers["mcp-session-id"], "Authorization": "Bearer right-key"}
    body = json.dumps(search(2, "\ud800"))
    sent = httpx.post(
        locked, content=body, headers=headers | session | {"Content-Type": "application/json"}, timeout=20
    )
    assert sent.status_code == 400
    assert sent.json()["error"]["code"] == PARSE_ERROR
    foreign = headers | {"Authorization": "Bearer right-key", "Host": "evil.example"}
    assert httpx.post(locked, json=INITIALIZE, headers=foreign).status_code == 421


@pytest.mark.parametrize("command", [["serve"], ["mcp", "--http"]])
@pytest.mark.parametrize("key", ["ключ", "", "a b", "key\n"])
def test_a_key_that_no_header_can_carry_is_rejected(
    indexed: Settings, tmp_path: Path, command: list[str], key: str
) -> None:
    more = environment(indexed, tmp_path, CODEINTEL_API_KEY=key)
    done = subprocess.run([CODEINTEL, *command], env=more, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("error: the key in CODEINTEL_API_KEY can't be sent in a header")
    assert done.stderr.count("\n") == 1
