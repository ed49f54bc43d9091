"""The assistant's tools over MCP, for IDEs and agents: stdio, or streamable HTTP."""

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ml.errors import CodeIntelError, ServeError, SourceError
from rag_service import wire
from rag_service.answer.asker import Asker
from rag_service.cli.version import version

if TYPE_CHECKING:
    from mcp.server import MCPServer

    from ml.settings import Settings
    from rag_service.answer.assistant import Assistant

INSTRUCTIONS = (
    "Answers about the repositories indexed on this machine. search_code finds code by meaning, symbol or words; "
    "ask_code gives an explanation whose every [n] is checked; read_lines shows the stored lines of a file."
)
MAX_LINES = 400

Repos = Annotated[list[str] | None, Field(description="only these repositories; none: all")]
Paths = Annotated[list[str] | None, Field(description="only files like these globs, for example src/**/*.py")]


def make_server(assistant: "Assistant") -> "MCPServer[Any]":
    """Makes the MCP server over an open assistant; its three tools are read-only."""
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
    ) -> dict[str, Any]:
        """Answer a question about the code: text with [n], and the citation that each [n] stands for."""
        with _tool_errors():
            return wire.answer(assistant.answer(question, where=_where(repos, paths), asker=Asker.local()))

    @server.tool(annotations=read_only)
    def read_lines(
        repo: str,
        file_path: str,
        line_start: Annotated[int, Field(ge=1)] = 1,
        line_end: Annotated[int | None, Field(ge=1, description="the last line; none: the end of the file")] = None,
    ) -> str:
        """Read lines of an indexed file, numbered, secrets left out; at most 400 at once."""
        with _tool_errors():
            return numbered(assistant, repo, file_path, line_start, line_end)

    return server


def numbered(assistant: "Assistant", repo: str, file_path: str, line_start: int, line_end: int | None) -> str:
    """Gives the stored lines of a file as "number<TAB>text". Raises SourceError for a file that is not indexed."""
    from ml.index.chunk import numbered_lines

    lines = numbered_lines(assistant.store.chunks(repo, file_path))
    if not lines:
        raise SourceError(f"no file {file_path!r} is indexed in {repo!r}", "take repo and file_path from search_code")
    last = min(line_end or max(lines), max(lines), line_start + MAX_LINES - 1)
    if last < line_start:
        raise SourceError(
            f"{file_path} has {max(lines)} lines, {line_start} to {last} are none of them", "ask for others"
        )
    return "\n".join(f"{number}\t{lines.get(number, '')}" for number in range(line_start, last + 1))


def serve(settings: "Settings", port: int | None) -> None:
    """Serves over stdio, or with a port over streamable HTTP at http://127.0.0.1:port/mcp, until stopped."""
    from rag_service.answer.assistant import open_assistant

    with open_assistant(settings) as assistant:
        server = make_server(assistant)
        if port is None:
            server.run("stdio")
            return
        _check_free(port)
        server.run("streamable-http", host="127.0.0.1", port=port)


def _check_free(port: int) -> None:
    import socket

    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServeError(
                f"port {port} can't be listened at ({error.strerror})", "choose another with --port"
            ) from error


def _where(repos: list[str] | None, paths: list[str] | None) -> Any:
    from ml.index.store.base import Where

    return Where(repos or None, paths or None)


class _tool_errors:  # noqa: N801  # a context manager, named as one
    """Turns our errors into the tool errors that an MCP client shows its model."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from mcp.server.mcpserver.exceptions import ToolError

        if isinstance(error, CodeIntelError):
            raise ToolError(str(error)) from error
