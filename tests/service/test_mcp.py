"""The MCP server, called by the real client: as a child process over stdio, and over streamable HTTP."""

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from mcp import StdioServerParameters
from mcp.client import Client

CODEINTEL = str(Path(sys.executable).with_name("codeintel"))


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = str(tmp_path_factory.mktemp("mcp") / "store")
    spec = find_spec("fastapi")
    assert spec is not None
    assert spec.origin is not None
    subprocess.run(
        [CODEINTEL, "index", str(Path(spec.origin).parent), "--store", folder], check=True, capture_output=True
    )
    return folder


@pytest.fixture
def over_stdio(store: str) -> StdioServerParameters:
    environment = {
        "CODEINTEL_STORE": store,
        "CODEINTEL_LLM": "none",
        "CODEINTEL_DATA_DIR": str(Path(store).parent / "data"),
    }
    return StdioServerParameters(command=CODEINTEL, args=["mcp"], env=environment)


@pytest.fixture(scope="module")
def over_http(store: str) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [CODEINTEL, "mcp", "--http", "--port", str(port), "--store", store], stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(30)


def _wait_for(port: int) -> None:
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError(f"nothing listens at {port}")


def call(server: Any, tool: str, **arguments: Any) -> Any:
    async def ask() -> Any:
        async with Client(server) as client:
            return await client.call_tool(tool, arguments)

    return asyncio.run(ask())


def content(result: Any) -> Any:
    assert not result.is_error, result.content
    return result.structured_content.get("result", result.structured_content)


def test_the_tools_are_offered_as_read_only(over_stdio: StdioServerParameters) -> None:
    async def tools() -> Any:
        async with Client(over_stdio) as client:
            return (await client.list_tools()).tools

    offered = asyncio.run(tools())

    assert {tool.name for tool in offered} == {"search_code", "ask_code", "read_lines", "list_repositories"}
    assert all(tool.annotations.read_only_hint and tool.description for tool in offered)


def test_search_over_stdio(over_stdio: StdioServerParameters) -> None:
    hits = content(call(over_stdio, "search_code", query="class APIRouter", limit=2))

    assert len(hits) == 2
    assert hits[0]["file_path"] == "routing.py"


def test_ask_and_read_over_http(over_http: str) -> None:
    answer = content(call(over_http, "ask_code", question="How is a dependency solved?"))
    citation = answer["citations"][0]

    lines = content(
        call(
            over_http,
            "read_lines",
            repo=citation["repo"],
            file_path=citation["file_path"],
            line_start=citation["line_start"],
            line_end=citation["line_end"],
        )
    )

    read = "\n".join(line.partition("\t")[2] for line in lines.split("\n"))
    assert read == citation["quote"]


def test_a_follow_up_in_a_kept_chat(over_stdio: StdioServerParameters) -> None:
    first = content(call(over_stdio, "ask_code", question="What does solve_dependencies do?", chat="new"))
    further = content(call(over_stdio, "ask_code", question="where is it used?", chat=first["chat"]))
    assert further["question"].startswith("where is `solve_dependencies`")
    assert further["chat"] == first["chat"]
    assert "there is no chat" in json.dumps(call(over_stdio, "ask_code", question="why?", chat="nope").content[0].text)
    assert content(call(over_stdio, "ask_code", question="What does solve_dependencies do?"))["chat"] == ""


def test_errors_reach_the_caller_with_their_cure(over_http: str) -> None:
    result = call(over_http, "read_lines", repo="fastapi", file_path="absent.py")

    assert result.is_error
    assert "search_code" in json.dumps([part.model_dump(mode="json") for part in result.content])
