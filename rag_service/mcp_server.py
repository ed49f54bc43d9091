"""The assistant's tools over MCP, for IDEs and agents: stdio, or streamable HTTP."""

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import anyio
from pydantic import Field

from ml.errors import CodeIntelError, SourceError
from rag_service import wire
from rag_service.answer.asker import Asker
from rag_service.version import version

if TYPE_CHECKING:
    from mcp.server import MCPServer
    from mcp.types import JSONRPCError

    from ml.index.store.base import Where
    from ml.settings import Settings
    from rag_service.answer.assistant import Assistant
    from rag_service.answer.events import Answer

INSTRUCTIONS = (
    "Answers about the repositories indexed on this machine. search_code finds code by meaning, symbol or words; "
    "ask_code gives an explanation whose every [n] is checked; read_lines shows the stored lines of a file; "
    "list_repositories names what is indexed."
)
MAX_LINES = 400
HOST = "127.0.0.1"

Repos = Annotated[list[str] | None, Field(description="only these repositories; omit to search all")]
Paths = Annotated[list[str] | None, Field(description="only files like these globs, for example src/**/*.py")]


def make_server(assistant: "Assistant") -> "MCPServer[Any]":
    """Create an MCP server for an open assistant, with four read-only tools."""
    from mcp.server import MCPServer
    from mcp.types import ToolAnnotations

    server: MCPServer[Any] = MCPServer("codeintel", instructions=INSTRUCTIONS, version=version(), log_level="WARNING")
    read_only = ToolAnnotations(read_only_hint=True, open_world_hint=False)

    @server.tool(annotations=read_only)
    def search_code(
        query: Annotated[str, Field(description="a question, a symbol or words, in English or Russian")],
        limit: Annotated[int, Field(ge=1, le=50)] = 10,
        repos: Repos = None,
        paths: Paths = None,
    ) -> list[dict[str, Any]]:
        """Find code: ranked chunks with repo, file_path, line_start, line_end, symbol, score and text."""
        with _tool_errors():
            hits = assistant.retriever.search(query, where=_where(repos, paths), limit=limit)
        return [wire.hit(hit) for hit in hits]

    @server.tool(annotations=read_only)
    def ask_code(
        question: Annotated[str, Field(description="a question about the code, in English or Russian")],
        repos: Repos = None,
        paths: Paths = None,
        chat: Annotated[
            str | None,
            Field(description="'new' keeps the answer's chat; its id, for a follow-up such as 'where is it used?'"),
        ] = None,
    ) -> dict[str, Any]:
        """Answer a question about the code: text with [n], and the citation that each [n] stands for."""
        with _tool_errors():
            return wire.answer(_answer(assistant, question, _where(repos, paths), chat))

    @server.tool(annotations=read_only)
    def read_lines(
        repo: str,
        file_path: str,
        line_start: Annotated[int, Field(ge=1)] = 1,
        line_end: Annotated[
            int | None, Field(ge=1, description="the last line; omit to read to the end of the file")
        ] = None,
    ) -> str:
        """Read lines of an indexed file, numbered, secrets left out; at most 400 at once."""
        with _tool_errors():
            return number_lines(assistant, repo, file_path, line_start, line_end)

    @server.tool(annotations=read_only)
    def list_repositories() -> list[dict[str, Any]]:
        """List the indexed repositories: name, source, revision, indexed_at, files, chunks, languages."""
        with _tool_errors():
            return [wire.repository(each) for each in assistant.store.repositories()]

    return server


def _answer(assistant: "Assistant", question: str, where: "Where", chat: str | None) -> "Answer":
    from rag_service.answer.events import last_answer
    from rag_service.chats.keeping import Place
    from rag_service.chats.store import open_chats

    asker = Asker.local()
    if chat is None:
        return assistant.answer(question, where=where, asker=asker)
    place = Place.named(open_chats(assistant.settings), chat, asker)
    events = place.ask(question, lambda history: assistant.ask(question, where=where, asker=asker, history=history))
    return last_answer(events)


def number_lines(assistant: "Assistant", repo: str, file_path: str, line_start: int, line_end: int | None) -> str:
    """Return stored lines of a file as "number<TAB>text". Raise SourceError for a file that is not indexed."""
    from ml.index.chunk import numbered_lines

    lines = numbered_lines(assistant.store.chunks(repo, file_path))
    if not lines:
        raise SourceError(f"no file {file_path!r} is indexed in {repo!r}", "take repo and file_path from search_code")
    last = min(line_end or max(lines), max(lines), line_start + MAX_LINES - 1)
    if last < line_start:
        raise SourceError(
            f"{file_path} has {max(lines)} lines, but none from {line_start} to {last}", "choose other lines"
        )
    return "\n".join(f"{number}\t{lines.get(number, '')}" for number in range(line_start, last + 1))


def serve(settings: "Settings", port: int | None) -> None:
    """Serve over stdio or, with a port, over streamable HTTP at http://127.0.0.1:port/mcp, until stopped.

    HTTP requires the service's key if one is set.
    """
    from rag_service.answer.assistant import open_assistant

    if port is None:
        with open_assistant(settings) as assistant:
            anyio.run(_serve_stdio, make_server(assistant))
    else:
        _serve_http(settings, port)


def _serve_http(settings: "Settings", port: int) -> None:
    from rag_service.answer.assistant import open_assistant
    from rag_service.http.limits.listening import ResilientServer
    from rag_service.http.limits.security import RequireKey, check_exposure
    from rag_service.http.server import listen

    check_exposure(settings, HOST)
    with listen(HOST, port) as listening, open_assistant(settings) as assistant:
        tools = make_server(assistant).streamable_http_app(host=HOST)
        app = RequireKey(tools, settings, is_all_closed=True)
        with suppress(KeyboardInterrupt):  # uvicorn raises it again after closing everything
            ResilientServer(app, settings, seconds_to_finish=0).run(sockets=[listening])


async def _serve_stdio(server: "MCPServer[Any]") -> None:
    """Serve over stdio, and also answer malformed lines, which the SDK ignores."""
    from mcp.server.stdio import stdio_server

    async with stdio_server() as (incoming, outgoing), anyio.create_task_group() as tasks:
        into, messages = anyio.create_memory_object_stream[Any](0)
        tasks.start_soon(_answer_malformed, incoming, into, outgoing)
        low = server._lowlevel_server  # like MCPServer.run, but with our own stream
        await low.run(messages, outgoing, low.create_initialization_options())
        tasks.cancel_scope.cancel()


async def _answer_malformed(incoming: Any, into: Any, outgoing: Any) -> None:
    from mcp.shared.message import SessionMessage

    async with incoming, into:
        async for item in incoming:
            if isinstance(item, Exception):
                await outgoing.send(SessionMessage(refusal(item)))
            else:
                await into.send(item)


def refusal(error: Exception) -> "JSONRPCError":
    """Return the error reply to a malformed line, with the line's id if it has one."""
    from mcp.types import INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
    from pydantic import ValidationError

    errors = error.errors(include_url=False) if isinstance(error, ValidationError) else []
    is_json = not any(each["type"] == "json_invalid" for each in errors)
    code, cause = (INVALID_REQUEST, "not a JSON-RPC message") if is_json else (PARSE_ERROR, "not JSON in UTF-8")
    number = next((found for each in errors if (found := _id_in(each["input"])) is not None), None)
    return JSONRPCError(jsonrpc="2.0", id=number, error=ErrorData(code=code, message=cause))


def _id_in(text: Any) -> int | str | None:
    """Return the id of a malformed message, if it can be sent back."""
    if isinstance(text, str):
        try:
            text = json.loads(text)  # encodes lone surrogates, too
        except (ValueError, RecursionError):
            return None
    found = text.get("id") if isinstance(text, dict) else None
    is_sendable = type(found) is int or (isinstance(found, str) and found.isprintable())
    return found if is_sendable else None


def _where(repos: list[str] | None, paths: list[str] | None) -> "Where":
    from ml.index.store.base import Where

    return Where(repos or None, paths or None)


class _tool_errors:  # noqa: N801  # a context manager, named as one
    """Turns our errors into tool errors, which MCP clients show to their model."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from mcp.server.mcpserver.exceptions import ToolError

        if isinstance(error, CodeIntelError):
            raise ToolError(str(error)) from error
