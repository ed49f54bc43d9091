"""Show a symbol's code, whole, as evidence of itself."""

from ml.index.chunk import Chunk
from ml.index.store.base import Candidate
from rag_service.answer.code.evidence import Numbered
from rag_service.answer.code.excerpt import Excerpt
from rag_service.answer.code.stored import StoredLines
from rag_service.answer.code.symbols import whole_symbol
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
