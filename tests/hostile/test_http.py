"""Hostile requests that freeze, smuggle, forge or traverse: none succeeds, and /healthz answers meanwhile."""

import json
import logging
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from ml.index.chunk import Chunk
from ml.settings import Settings
from rag_service.http.app import create_app
from rag_service.http.key_symbols import rank_symbols
from rag_service.http.limits.bodies import MAX_BODY_BYTES, MAX_VALUES
from rag_service.http.limits.security import OPEN_FOLDER, OPEN_PATHS
from tests.hostile.serving import CODEINTEL, environment, pulse, serve, talk
from tests.support.llm_server import llm_server, says_once, trickles
from tests.support.service import serving

MB = 1_000_000
CHAT = "/v1/chat/completions"
QUESTION = "Where is the number of attempts to charge an order set?"


@pytest.fixture(scope="module")
def url(indexed: Settings) -> Iterator[str]:
    with serving(indexed) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    """Yield one client for all requests: to make one takes longer than most replies."""
    with httpx.Client(base_url=url, headers={"Content-Type": "application/json"}, timeout=30) as opened:
        yield opened


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def chat(content: object, **more: object) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": content}]} | more).encode()


FREEZING = {
    "open tags": (CHAT, chat("<user_query>" * 8_000)),
    "many open tags": (CHAT, chat("<user_query>" * 300_000)),
    "blanks in a tag": (CHAT, chat("<user_query>" + " " * 3 * MB + "x")),
    "histories": (CHAT, chat('### Task: {"title":' + "<chat_history>" * 8_000)),
    "many histories": (CHAT, chat('### Task: {"title":' + "<chat_history>\n" * 250_000)),
    "tasks": (CHAT, chat("### Task:" + '{"' * MB)),
    "titles": (CHAT, chat("provide " * 500_000)),
    "lines": (CHAT, chat("\n" * 2 * MB + "x")),
    "fences": (CHAT, chat("```\n" * 240_000)),
    "backticks": (CHAT, chat("`" * 3 * MB)),
    "parts": (CHAT, chat([{"type": "text", "text": "x"}] * 4_000)),
    "messages": (CHAT, json.dumps({"messages": [{"role": "user", "content": "x"}] * 6_000}).encode()),
    "no messages": (CHAT, json.dumps({"messages": [1] * 19_000}).encode()),
    "globs": ("/api/search", json.dumps({"query": "x", "paths": [1] * 19_000}).encode()),
    "question": ("/api/ask", json.dumps({"question": "why " * MB}).encode()),
    "lists": ("/api/ask", b'{"question": "x", "y": [' + b"[]," * 1_300_000 + b"[]]}"),
    "objects": ("/api/ask", b'{"question": "x", "y": [' + b'{"a":{}},' * 400_000 + b"1]}"),
    "strings": ("/api/ask", b'{"question": "x", "y": [' + b'"",' * 1_300_000 + b"1]}"),
    "numbers": ("/api/ask", b'{"question": "x", "y": [' + b"1," * 2 * MB + b"1]}"),
    "hidden": ("/api/ask", ('{"question": "x", "y": [' + "[]," * 600_000 + "[]]}").encode("utf-16-le")),
    "escapes": ("/api/ask", b'{"question": "' + rb"\"\\" * MB + b'"}'),
    "depth": ("/api/ask", b"[" * 4 * MB),
    "number": ("/api/ask", b'{"question": ' + b"9" * 4 * MB + b"}"),
}


@pytest.mark.parametrize("name", FREEZING)
def test_no_request_blocks_the_others(url: str, client: httpx.Client, name: str) -> None:
    path, body = FREEZING[name]
    assert len(body) <= MAX_BODY_BYTES
    with pulse(url):
        replies = [client.post(path, content=body) for _ in range(3)]
    assert {reply.status_code for reply in replies} <= {200, 400, 413, 422}


def test_a_file_with_one_long_word_blocks_nothing() -> None:
    text = "DATA = 0x" + "deadbeef" * 12_000 + "\nimport shutil\nOpener(DATA)\n"
    chunks = [Chunk("r", "1", "a.py", 1, 3, "python", "Opener", "class", text, "")]
    started = time.thread_time()
    assert rank_symbols([chunks]) == ["Opener"]
    assert time.thread_time() - started < 1


def test_a_body_of_many_values_is_rejected(client: httpx.Client) -> None:
    for value, status in ((b'"[,{\\"[", ', 200), (b"{},", 413)):
        body = b'{"query": "order", "more": [' + value * (MAX_VALUES if status == 413 else 15_000) + b"1]}"
        assert client.post("/api/search", content=body).status_code == status


HEAD = b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
HIDDEN = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMUGGLED = {
    "length and chunks": HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}" + HIDDEN,
    "a length with a sign": HEAD + b"Content-Length: +2\r\n\r\n{}" + HIDDEN,
    "a negative length": HEAD + b"Content-Length: -1\r\n\r\n{}" + HIDDEN,
    "a length of other digits": HEAD + "Content-Length: ٢\r\n\r\n{}".encode() + HIDDEN,
    "a chunk of no number": HEAD + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "a chunk with a sign": HEAD + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n" + HIDDEN,
    "two codings": HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a coding that is none": HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN,
    "a blank before the colon": HEAD + b"Content-Length : 2\r\n\r\n{}" + HIDDEN,
    "a NUL in a header": HEAD + b"X-A: a\0b\r\nContent-Length: 2\r\n\r\n{}" + HIDDEN,
    "a bare return in a header": HEAD + b"X-A: a\rContent-Length: 2\r\n\r\n" + HIDDEN,
    "two hosts": HEAD.replace(b"localhost", b"localhost\r\nHost: evil.example") + b"\r\n" + HIDDEN,
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_no_request_is_smuggled_in_another(url: str, name: str) -> None:
    """The connection ends with the rejection: what follows is never read as a request."""
    reply = talk(port_of(url), SMUGGLED[name], seconds=2)
    assert reply.startswith(b"HTTP/1.1 4"), reply[:100]
    assert reply.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "target",
    [
        b"/assets/../http/app.py",
        b"/assets/%2e%2e/http/app.py",
        b"/assets/..%2fhttp%2fapp.py",
        b"/assets//etc/passwd",
        b"/assets/%00",
        b"/assets/..\\http\\app.py",
        b"/assets/%252e%252e/http/app.py",
        b"//etc/passwd",
        b"/api/file?repo=shop&path=../../etc/passwd",
        b"/api/file?repo=shop&path=%00",
        b"/api/file?repo=..&path=/etc/passwd",
        b"/api/file?repo=%ff&path=%ed%a0%80",
        b"/v1/models/..%2f..%2fetc",
    ],
)
def test_no_path_escapes_its_root(url: str, target: bytes) -> None:
    reply = talk(port_of(url), b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 4"), reply[:100]


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_cross_site_requests_without_preflight_are_rejected(url: str, content_type: str) -> None:
    """A browser sends these across sites without a preflight, unlike JSON."""
    headers = {"Content-Type": content_type, "Origin": "https://evil.example"}
    body = b'{"answer_id": "a", "verdict": "up"}'
    assert httpx.post(f"{url}/api/feedback", content=body, headers=headers).status_code == 422
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    preflight = httpx.options(f"{url}/api/feedback", headers=asked)
    assert preflight.status_code == 405
    assert not any(name.startswith("access-control") for name in preflight.headers)


STRANGE: list[Any] = [None, True, -1, 10**30, "", "\0", "\ud800", ["\0"], ["x\ud800"], [[]], {}, [1] * 50, ["z" * 501]]


@pytest.mark.parametrize("value", STRANGE, ids=lambda value: ascii(value)[:20])
def test_no_value_is_an_internal_error(client: httpx.Client, value: Any) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "/api/search": {"query": "order", "limit": 1},
        "/api/ask": {"question": "What does place_order do?"},
        "/api/feedback": {"answer_id": "a", "verdict": "up"},
        CHAT: {"messages": [{"role": "user", "content": "What does place_order do?"}], "stream": False},
    }
    extra = ("repos", "paths", "languages", "model", "stream_options")
    for path, body in bodies.items():
        for name in (*body, *extra):
            sent = json.dumps(body | {name: value}).encode()
            assert client.post(path, content=sent).status_code < 500, (path, name)
    for part in (value, [{"type": "text", "text": value}], [value]):
        assert client.post(CHAT, content=chat(part)).status_code < 500


def test_every_route_but_the_open_ones_needs_the_key(indexed: Settings) -> None:
    locked = indexed.model_copy(update={"api_key": SecretStr("right-key")})
    paths = create_app(locked).openapi()["paths"]
    with serving(locked) as url, httpx.Client(base_url=url) as client:
        for path, methods in [*paths.items(), ("/nothing", {"get": {}}), ("/api/nothing", {"post": {}})]:
            for method in methods:
                for given in ("", "Bearer wrong", "Bearer right-key2", "Bearer right-ke", "Basic right-key", "bearer"):
                    reply = client.request(method, path, headers={"Authorization": given} if given else {})
                    assert (reply.status_code == 401) == (path not in OPEN_PATHS), (method, path, given)
        for path in (
            "//api/repos",
            "/assets/../api/repos",
            "/assets/%2e%2e/api/repos",
            "/API/repos",
            "/docs/../api/repos",
        ):
            request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
            assert talk(port_of(url), request).split(b" ")[1] in (b"401", b"404"), path
        assert httpx.get(f"{url}{OPEN_FOLDER}app.js").status_code == 200


def test_the_documentation_names_the_errors(url: str) -> None:
    paths = httpx.get(f"{url}/openapi.json").json()["paths"]
    for path, methods in paths.items():
        for operation in methods.values():
            if path.startswith(("/api/", "/v1/")):
                assert {"400", "401", "429", "503"} <= set(operation["responses"]), path
                assert operation["security"]
    assert "404" in paths[CHAT]["post"]["responses"]


def metrics(url: str) -> list[str]:
    return httpx.get(f"{url}/metrics").text.splitlines()


def test_a_disconnect_leaves_no_traceback(indexed: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """At any point: in the head, in the body, or during the answer, whole or streamed."""
    with llm_server(trickles("The charger retries. ", seconds=3)) as llm:
        more = {"llm": "openai", "llm_url": llm.url, "llm_model": "m", "data_dir": str(tmp_path)}
        with serving(indexed.model_copy(update=more)) as url, caplog.at_level(logging.WARNING):
            for accept in ("application/json", "text/event-stream"):
                body = json.dumps({"question": QUESTION}).encode()
                head = f"POST /api/ask HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nAccept: {accept}\r\nContent-Length: {len(body)}\r\n\r\n"
                whole = head.encode() + body
                for cut in (20, len(head), len(whole) - 5, len(whole)):
                    with socket.create_connection(("127.0.0.1", port_of(url))) as leaver:
                        leaver.sendall(whole[:cut])
                        time.sleep(0.4)
            end = time.monotonic() + 30
            while 'codeintel_questions{state="running"} 0.0' not in (lines := metrics(url)):
                assert time.monotonic() < end  # every slot becomes free again
                time.sleep(0.2)
    assert [record.getMessage() for record in caplog.records if record.name.startswith("uvicorn")] == []
    assert [line for line in lines if 'status="500"' in line] == []


@pytest.mark.parametrize(
    ("path", "body", "end"),
    [
        ("/api/ask", {"question": QUESTION}, "event: error\n"),
        (CHAT, {"messages": [{"role": "user", "content": QUESTION}], "stream": True}, "data: [DONE]"),
    ],
)
def test_a_truncated_stream_reports_the_error(
    indexed: Settings, tmp_path: Path, path: str, body: Any, end: str
) -> None:
    never = threading.Event()
    with llm_server(says_once(never, "It says nothing.")) as llm:
        more = {"CODEINTEL_LLM": "openai", "CODEINTEL_LLM_URL": llm.url, "CODEINTEL_LLM_MODEL": "m"}
        more["CODEINTEL_SHUTDOWN_SECONDS"] = "1"
        with serve(indexed, tmp_path, more) as served:
            headers = {"Accept": "text/event-stream"}
            said = ""
            with httpx.stream("POST", served.url + path, json=body, headers=headers, timeout=30) as reply:
                parts = reply.iter_text()
                said += next(parts)
                served.process.terminate()
                with suppress(httpx.HTTPError):
                    for part in parts:
                        said += part  # what arrived before the connection ended
            never.set()
            served.process.wait(20)
    assert "the service is stopping" in said
    assert end in said


def test_a_public_service_without_a_key_does_not_start(indexed: Settings, tmp_path: Path) -> None:
    for host in ("0.0.0.0", "::", "192.0.2.1"):
        done = subprocess.run(
            [CODEINTEL, "serve", "--host", host], env=environment(indexed, tmp_path), capture_output=True, timeout=60
        )
        assert done.returncode == 1
