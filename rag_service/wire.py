"""JSON forms of hits and answers, shared by the command line's --json, HTTP and MCP."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rag_service.answer.events import Answer
    from rag_service.retrieve import Hit


def hit(found: "Hit") -> dict[str, Any]:
    """Return a ranked chunk: `{repo, file_path, line_start, line_end, symbol, score, text}`."""
    chunk = found.chunk
    return {
        "repo": chunk.repo,
        "file_path": chunk.file_path,
        "line_start": chunk.line_start,
        "line_end": chunk.line_end,
        "symbol": chunk.symbol,
        "score": round(found.score, 6),
        "text": chunk.text,
    }


def answer(given: "Answer") -> dict[str, Any]:
    """Return an answer: `{id, answer, citations: [{n, repo, file_path, …, quote}], model, timings, found, …}`."""
    from dataclasses import asdict

    shown = asdict(given)
    del shown["withheld"]
    return shown
