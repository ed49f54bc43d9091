"""Show a symbol's code, whole, as evidence of itself."""

from dataclasses import replace

from ml.index.chunk import Chunk, digest
from ml.index.store.base import Candidate
from rag_service.answer.code.evidence import FileLines, Numbered, StoredLines
from rag_service.answer.code.excerpt import Excerpt
from rag_service.answer.composed.phrases import say
from rag_service.answer.composed.prose import inline_code, place
from rag_service.answer.question import Language
from rag_service.retrieve import Hit

MOST_LINES = 150


def code_shown(chunk: Chunk, lines: StoredLines, language: Language) -> tuple[Numbered, str]:
    """Return a symbol as evidence, and Markdown that shows its lines, at most MOST_LINES of them."""
    whole = whole_symbol(chunk, lines(chunk.repo, chunk.file_path))
    evidence = Numbered([Hit(whole, 1.0, Candidate(whole, 1.0, 0.0, 0.0))], lines)
    last = min(whole.line_end, whole.line_start + MOST_LINES - 1)
    mark = evidence.cite(whole, whole.line_start, last)
    head = say(
        language,
        "code" if last == whole.line_end else "code_cut",
        name=inline_code(whole.symbol or whole.file_path),
        place=place(whole),
        mark=mark,
        last=last,
    )
    return evidence, f"{head}\n\n{Excerpt(whole, [range(whole.line_start, last + 1)], 'whole').markdown()}\n"


def whole_symbol(chunk: Chunk, stored: FileLines) -> Chunk:
    """Return a symbol as one chunk: its parts, and what it contains."""
    inner = [
        part
        for part in stored.chunks
        if part.line_start >= chunk.line_start
        and (part.symbol == chunk.symbol or _is_within(part.symbol, chunk.symbol))
    ]
    end = max((part.line_end for part in inner), default=chunk.line_end)
    text = "\n".join(stored.get(number, "") for number in range(chunk.line_start, end + 1))
    return replace(chunk, line_end=end, text=text, content_hash=digest(text.encode()))


def _is_within(symbol: str, outer: str) -> bool:
    return bool(outer) and symbol.startswith((f"{outer}.", f"{outer}::", f"{outer}#"))
