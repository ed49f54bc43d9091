"""Compose an answer from the evidence alone: what the symbol is, its docstring, its key lines and its callers."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from ml.index.chunk import Chunk, last_name, numbered_lines
from ml.index.outline import Outline, outline
from rag_service.answer.code.callers import callers_of
from rag_service.answer.code.evidence import Numbered
from rag_service.answer.code.excerpt import Excerpt, comments_near, excerpt
from rag_service.answer.code.lines import Line, LineMatcher, comment_text, is_comment
from rag_service.answer.composed.phrases import KINDS, say
from rag_service.answer.composed.prose import (
    best_sentences,
    inline_code,
    place,
    plain,
    section_text,
    shorten,
    signature,
    title,
)
from rag_service.answer.generated.support import Cited
from rag_service.answer.question import Asked, Intent
from rag_service.answer.walk.story import Walkthrough
from rag_service.retrieve import Retriever
from rag_service.retrieve.question import Question

CALLERS = 3
ALL_CALLERS = 8
FURTHER = 4
DOCSTRING_SENTENCES = 2
SECTION_SENTENCES = 4
CODE_BEFORE_DOCS = 0.7  # share of the best score from which code is the subject, even if a text about it scores higher
TELLING = 0.4  # share of the question's weight that a line must match to be shown beside a further location
LONGEST_SIGNATURE = 140
LONGEST_ASIDE = 100


@dataclass(frozen=True)
class Piece:
    """A chunk, and the one with its symbol's signature; long symbols are split into several chunks."""

    chunk: Chunk
    head: Chunk

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


class Composer:
    """Writes Markdown about the evidence for one question; every claim ends with a citation of its lines."""

    def __init__(
        self, asked: Asked, evidence: Numbered, retriever: Retriever, understood: Question | None = None
    ) -> None:
        """Prepare to compose; `understood` is the parsed question, if the caller parsed it already."""
        understood = understood or retriever.understand(asked.text)
        chunks = [source.chunk for source in evidence.main]
        self._asked = asked
        self._evidence = evidence
        self._retriever = retriever
        self.matcher = LineMatcher(understood.stems, asked.text.lower().split(), chunks)

    @cached_property
    def subject(self) -> Chunk:
        """The chunk that the answer is about: the best evidence, preferring code over a text with a similar score."""
        best, *others = self._evidence.main
        close = (other for other in others if other.score >= CODE_BEFORE_DOCS * best.score)
        code = next((other for other in close if other.chunk.kind != "section"), best)
        return code.chunk if best.chunk.kind == "section" else best.chunk

    @property
    def leaves_unsaid(self) -> bool:
        """Whether a small LLM has something to add: in English, about code without a docstring."""
        subject = self._piece(self.subject)
        return self._asked.language == "en" and subject.chunk.kind != "section" and not subject.documentation.strip()

    @property
    def cited_subject(self) -> Cited:
        """The subject's code in the form needed to check a small LLM's sentence."""
        return cited_code(self._piece(self.subject))

    def compose(self) -> str:
        """Return the answer, about one screen long, best evidence first."""
        subject = self._piece(self.subject)
        parts = [self._what(subject), self._documentation(subject)]
        if Intent.CALLERS in self._asked.intent:
            parts += [self._callers(subject.chunk), self._walk(subject), self._lines(subject)]
        else:
            parts += [self._walk(subject), self._lines(subject), self._callers(subject.chunk)]
        return "\n\n".join(filter(None, [*parts, self._further()])) + "\n"

    def _say(self, phrase: str, **values: object) -> str:
        return say(self._asked.language, phrase, **values)

    def _piece(self, chunk: Chunk) -> Piece:
        stored = self._evidence.lines(chunk.repo, chunk.file_path).chunks if chunk.symbol else ()
        first = next((part for part in stored if (part.symbol, part.kind) == (chunk.symbol, chunk.kind)), chunk)
        return Piece(chunk, chunk if first.line_start == chunk.line_start else first)

    def _header_mark(self, piece: Piece) -> str:
        return self._evidence.cite(piece.head, piece.head.line_start, piece.header_end)

    def _what(self, piece: Piece) -> str:
        chunk = piece.chunk
        said = self._say(
            "where" if Intent.WHERE in self._asked.intent else "is",
            name=_name(chunk),
            kind=KINDS[self._asked.language][chunk.kind],
            place=place(chunk),
            mark=self._evidence.cite(chunk, chunk.line_start, chunk.line_end),
        )
        if not piece.about.signature or chunk.kind == "section":
            return said
        shown = inline_code(shorten(signature(piece.about.signature), LONGEST_SIGNATURE))
        return f"{said} {self._say('signature', code=shown, mark=self._header_mark(piece))}"

    def _documentation(self, piece: Piece) -> str:
        limit = SECTION_SENTENCES if piece.chunk.kind == "section" else DOCSTRING_SENTENCES
        found = best_sentences(piece.documentation, self.matcher.score, limit)
        return " ".join(f"{sentence} {self._header_mark(piece)}." for sentence in found)

    def _lines(self, piece: Piece) -> str:
        shown = excerpt(piece.chunk, piece.body_start, self.matcher) if piece.chunk.kind != "section" else None
        if not shown:
            return ""
        reasons = list(self._reasons(piece, shown)) if Intent.WHY in self._asked.intent else []
        mark = self._evidence.cite(piece.chunk, shown.first, shown.last)
        return "\n\n".join([*reasons, f"{self._say(shown.phrase, mark=mark)}\n\n{shown.markdown()}"])

    def _reasons(self, piece: Piece, shown: Excerpt) -> Iterator[str]:
        """Yield the comments near the shown lines; only they and the docstring can answer a "why"."""
        numbers = [number for numbers in shown.ranges for number in numbers]
        comments = comments_near(piece.chunk, numbers)
        for start, end in comments[:2]:
            lines = piece.chunk.text.split("\n")[start - piece.chunk.line_start : end - piece.chunk.line_start + 1]
            text = shorten(plain(" ".join(map(comment_text, lines))).rstrip(". "), 2 * LONGEST_ASIDE)
            yield self._say("comment", text=text, mark=self._evidence.cite(piece.chunk, start, end))
        if not comments and not piece.about.docstring:
            yield self._say("no_reason")

    def _walk(self, piece: Piece) -> str:
        """Return what the code does, step by step."""
        stored = self._evidence.lines(piece.chunk.repo, piece.chunk.file_path).chunks
        known = [*(source.chunk for source in self._evidence.main), *stored]
        return Walkthrough(self._asked, self.matcher, known, self._evidence.cite).markdown(piece.chunk)

    def _aside(self, piece: Piece) -> str:
        first = best_sentences(piece.documentation, self.matcher.score, limit=1)
        return f" — {shorten(first[0], LONGEST_ASIDE)}" if first else ""

    def _callers(self, chunk: Chunk) -> str:
        wanted = Intent.CALLERS in self._asked.intent
        found = callers_of(self._retriever, self._evidence.lines, chunk, self._asked.where)
        if not found.calls:
            return self._say("no_callers") if wanted else ""
        if found.ambiguous and not wanted:
            return ""
        places = ", ".join(
            f"{place(call.chunk, call.line)} {self._evidence.cite(call.chunk, call.line, call.line)}"
            for call in found.calls[: ALL_CALLERS if wanted else CALLERS]
        )
        return self._say("named" if found.ambiguous else "callers", places=places)

    def _further(self) -> str:
        others = [source for source in self._evidence.main if source.chunk is not self.subject]
        items = [f"- {self._other(self._piece(source.chunk))}" for source in others[:FURTHER]]
        return "\n".join([self._say("further"), *items]) if items else ""

    def _other(self, piece: Piece) -> str:
        """Describe another piece of evidence in one line; quote its best line if a location or a reason is asked for."""
        chunk = piece.chunk
        aside = self._aside(piece)
        best = [line for line in self.matcher.best(chunk, piece.body_start, 1) if self._is_telling(chunk, line)]
        if best and (not aside or self._asked.intent & (Intent.WHERE | Intent.WHY)):
            line = best[0]
            mark = self._evidence.cite(chunk, line.number, line.number)
            return f"{place(chunk, line.number)} {_name(chunk)}: {inline_code(shorten(line.text.strip(), LONGEST_ASIDE))} {mark}"
        mark = self._header_mark(piece) if aside else self._evidence.cite(chunk, chunk.line_start, chunk.line_end)
        return f"{place(chunk)} {_name(chunk)}{aside} {mark}"

    def _is_telling(self, chunk: Chunk, line: Line) -> bool:
        enough = self.matcher.share(line.score) >= TELLING
        return enough and line.number not in self._evidence.lines(chunk.repo, chunk.file_path).in_strings


def _name(chunk: Chunk) -> str:
    if chunk.kind == "section" and chunk.symbol:
        return title(chunk.symbol)
    return inline_code(chunk.symbol or chunk.file_path.rsplit("/", 1)[-1])


def nothing_found(asked: Asked, nearest: list[Chunk]) -> str:
    """Return the answer for evidence that is too weak: no citations, only the nearest code, labelled as such."""
    if asked.where.repos:
        where = ", ".join(inline_code(repo) for repo in asked.where.repos)
    else:
        where = say(asked.language, "filtered" if asked.where.paths or asked.where.languages else "anywhere")
    said = say(asked.language, "nothing", where=where)
    items = [f"- {place(chunk)} {_name(chunk)}" for chunk in nearest]
    return "\n".join([said, "", say(asked.language, "nearest"), *items]) + "\n" if items else said + "\n"
