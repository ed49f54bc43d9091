"""A symbol as an answer tells it: its chunk, its outline, what it is called."""

from dataclasses import dataclass
from functools import cached_property

from ml.index.chunk import Chunk, last_name, numbered_lines
from ml.index.outline import Outline, outline
from rag_service.answer.code.lines import is_comment
from rag_service.answer.composed.prose import inline_code, section_text, title
from rag_service.answer.generated.support import Cited


@dataclass(frozen=True)
class Piece:
    """A symbol; of a very long one, `chunk` is only a part, and `head` the stored chunk with its signature."""

    chunk: Chunk
    head: Chunk
    is_whole: bool = True

    @cached_property
    def about(self) -> Outline:
        """The signature, the docstring and the start of the body."""
        return outline(self.head)

    @property
    def documentation(self) -> str:
        """Its docstring, or the text of a section."""
        return section_text(self.chunk.text) if self.chunk.kind == "section" else self.about.docstring

    @cached_property
    def body_start(self) -> int:
        """The first line after signature and docstring; comments right above the first statement belong to the body."""
        lines = numbered_lines([self.head])
        start = self.about.body_start
        while start - 1 > self.head.line_start and is_comment(lines.get(start - 1, "")):
            start -= 1
        return start

    @property
    def header_end(self) -> int:
        """The last line of signature and docstring."""
        return max(self.head.line_start, min(self.body_start - 1, self.head.line_end))


def cited_code(piece: Piece) -> Cited:
    """Return a piece's code in the form needed to check a small LLM's sentence."""
    lines = sorted(numbered_lines([piece.chunk]).items())
    header = "\n".join(text for number, text in lines if number < piece.body_start)
    body = "\n".join(text for number, text in lines if number >= piece.body_start)
    return Cited(last_name(piece.chunk.symbol), header, body)


def name_of(chunk: Chunk) -> str:
    """Return what a chunk is called in an answer: a section's headings, else its symbol or its file."""
    if chunk.kind == "section" and chunk.symbol:
        return title(chunk.symbol)
    return inline_code(chunk.symbol or chunk.file_path.rsplit("/", 1)[-1])
