"""JSON forms of hits and answers, shared by the command line's --json, HTTP and MCP."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ml.index.store.base import Repository
    from rag_service.answer.events import Answer, Citation
    from rag_service.retrieve import Hit

SOURCES = {"en": "Sources", "ru": "Источники"}


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


def repository(known: "Repository", *, skipped: bool = False) -> dict[str, Any]:
    """Return an indexed repository's record, with the names of what was left out only if `skipped`."""
    about = asdict(known)
    if not skipped:
        del about["left_out"]
    return about


def answer(given: "Answer") -> dict[str, Any]:
    """Return an answer: `{id, answer, citations: [{n, repo, file_path, …, quote}], model, timings, found, …}`."""
    shown = asdict(given)
    del shown["withheld"]
    return shown


def source_line(citation: "Citation") -> str:
    """Return a citation as an item of a Markdown list: "- [1] `path:12-14` (repo)"."""
    from rag_service.answer.composed.prose import inline_code

    place = f"{citation.file_path}:{citation.line_start}-{citation.line_end}"
    return f"- [{citation.n}] {inline_code(place)} ({citation.repo})"
