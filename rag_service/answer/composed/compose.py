"""Compose an answer from the evidence alone: what the symbol is, its docstring, its key lines and its callers."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from ml.index.chunk import Chunk, last_name, numbered_lines
from ml.index.outline import Outline, outline
from rag_service.answer.code.callers import Callers, callers_of
from rag_service.answer.code.evidence import Numbered
from rag_service.answer.code.excerpt import Excerpt, comments_near, excerpt
from rag_service.answer.code.lines import Line, LineMatcher, comment_text, is_comment
from rag_service.answer.code.symbols import contains, head_of, is_whole
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
from rag_service.answer.gather.gather import Gathered, Verdict
from rag_service.answer.gather.names import Missing
from rag_service.answer.gather.subject import choose_subject
from rag_service.answer.gather.widen import Widening
from rag_service.answer.generated.support import Cited
from rag_service.answer.question import Asked, Intent
from rag_service.answer.walk.story import Walkthrough
from rag_service.retrieve import Retriever
from rag_service.retrieve.question import Question

CALLERS = 3
ALL_CALLERS = 8
RELATED = 5
FURTHER = 8
DOCSTRING_SENTENCES = 2
SECTION_SENTENCES = 4
TELLING = 0.4  # share of the question's weight that a line must match to be shown beside a further location
LONGEST_SIGNATURE = 140
LONGEST_ASIDE = 100


@dataclass(frozen=True)
class Piece:
    """A symbol, and the stored chunk with its signature; of a very long one, `chunk` is only a part."""

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


class Composer:
    """Writes Markdown about the evidence for one question; every claim ends with a citation of its lines."""

    def __init__(
        self,
        asked: Asked,
        evidence: Numbered,
        retriever: Retriever,
        understood: Question | None = None,
        gathered: Gathered | None = None,
    ) -> None:
        """Prepare to compose; `understood` is the parsed question, `gathered` says what it asks of that is not there."""
        understood = understood or retriever.understand(asked.text)
        chunks = [source.chunk for source in evidence.main]
        self._asked = asked
        self._evidence = evidence
        self._retriever = retriever
        self._gathered = gathered
        self.matcher = LineMatcher(understood.stems, asked.text.lower().split(), chunks)

    @cached_property
    def subject(self) -> Chunk:
        """The whole symbol that the answer is about: see `rag_service.answer.gather.subject`."""
        return choose_subject(self._asked.text, self._evidence.main)

    @cached_property
    def _callers_found(self) -> Callers:
        return callers_of(self._retriever, self._evidence.lines, self.subject, self._asked.where)

    @cached_property
    def _widening(self) -> Widening:
        return Widening(self.subject, self._retriever, self._evidence.lines, self.matcher, self._asked.where)

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
        """Return the answer, about one screen long, best evidence first; what the code lacks comes before it."""
        subject = self._piece(self.subject)
        parts = [*self._lacks(), self._what(subject), self._documentation(subject)]
        if self._gathered and self._gathered.is_about_missing:
            return "\n\n".join(filter(None, [*parts, self._further()])) + "\n"
        if Intent.CALLERS in self._asked.intent:
            parts += [self._callers(), self._walk(subject), self._lines(subject)]
        else:
            parts += [self._walk(subject), self._lines(subject), self._callers()]
        return "\n\n".join(filter(None, [*parts, self._further()])) + "\n"

    def _lacks(self) -> Iterator[str]:
        """Yield what the question takes for granted and the code does not have, and that what follows is only near it."""
        if not self._gathered or self._gathered.verdict is not Verdict.PARTLY:
            return
        for missing in self._gathered.missing:
            yield lacks_name(self._asked, missing)
        for premise in self._gathered.premises:
            chunk = premise.chunk
            mark = self._evidence.cite(chunk, chunk.line_start, chunk.line_end)
            yield self._say("false_premise", name=_name(chunk), other=inline_code(premise.other), mark=mark)
        if self._gathered.is_about_missing:
            yield self._say("near")

    def _say(self, phrase: str, **values: object) -> str:
        return say(self._asked.language, phrase, **values)

    def _piece(self, chunk: Chunk) -> Piece:
        if not chunk.symbol:
            return Piece(chunk, chunk)
        stored = self._evidence.lines(chunk.repo, chunk.file_path)
        return Piece(chunk, head_of(chunk, stored), is_whole(chunk, stored))

    def _header_mark(self, piece: Piece) -> str:
        return self._evidence.cite(piece.head, piece.head.line_start, piece.header_end)

    def _what(self, piece: Piece) -> str:
        chunk = piece.chunk
        said = self._say(
            ("where" if Intent.WHERE in self._asked.intent else "is") if piece.is_whole else "part",
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
        return "\n\n".join(
            [*reasons, f"{self._say(shown.phrase if piece.is_whole else 'lines', mark=mark)}\n\n{shown.markdown()}"]
        )

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
        known = [*(source.chunk for source in self._evidence.main), *stored, *self._widening.known]
        return Walkthrough(self._asked, self.matcher, known, self._evidence.cite).markdown(piece.chunk)

    def _aside(self, piece: Piece) -> str:
        first = best_sentences(piece.documentation, self.matcher.score, limit=1)
        return f" — {shorten(first[0], LONGEST_ASIDE)}" if first else ""

    def _callers(self) -> str:
        wanted, found = Intent.CALLERS in self._asked.intent, self._callers_found
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
        related = self._widening.related(self._callers_found)[:RELATED]
        told = [self.subject, *(each.chunk for each in related)]
        others = [each.chunk for each in self._evidence.main if not any(contains(one, each.chunk) for one in told)]
        items = [self._other(each.chunk, self._say(each.why)) for each in related]
        items += [self._other(chunk, self._beside(chunk)) for chunk in others[:FURTHER]]
        return "\n".join([self._say("further"), *(f"- {item}" for item in items)]) if items else ""

    def _beside(self, chunk: Chunk) -> str:
        """Return why a search result is listed: it contains the subject, stands in its file, or matches the question."""
        if contains(chunk, self.subject):
            return self._say("around")
        same = (chunk.repo, chunk.file_path) == (self.subject.repo, self.subject.file_path)
        return self._say("same_file" if same else "matches")

    def _other(self, chunk: Chunk, why: str) -> str:
        """Describe another piece of evidence in one line, citing the whole of it; quote its best line if that says more."""
        piece = self._piece(chunk)
        about = self._aside(piece)
        best = [line for line in self.matcher.best(chunk, piece.body_start, 1) if self._is_telling(chunk, line)]
        if best and (not about or self._asked.intent & (Intent.WHERE | Intent.WHY)):
            about = f": {inline_code(shorten(best[0].text.strip(), LONGEST_ASIDE))}"
        return f"{place(chunk)} {_name(chunk)}, {why}{about} {self._evidence.cite(chunk, chunk.line_start, chunk.line_end)}"

    def _is_telling(self, chunk: Chunk, line: Line) -> bool:
        enough = self.matcher.share(line.score) >= TELLING
        return enough and line.number not in self._evidence.lines(chunk.repo, chunk.file_path).in_strings


def _name(chunk: Chunk) -> str:
    if chunk.kind == "section" and chunk.symbol:
        return title(chunk.symbol)
    return inline_code(chunk.symbol or chunk.file_path.rsplit("/", 1)[-1])


def nothing_found(asked: Asked, missing: Sequence[Missing], nearest: Sequence[Chunk]) -> str:
    """Return the answer for evidence that is too weak: no citations, only the nearest code, labelled as such."""
    said = [say(asked.language, "nothing", where=_scope(asked)), *(lacks_name(asked, each) for each in missing)]
    items = [f"- {place(chunk)} {_name(chunk)}" for chunk in nearest]
    return "\n".join([" ".join(said), *(["", say(asked.language, "nearest"), *items] if items else [])]) + "\n"


def lacks_name(asked: Asked, missing: Missing) -> str:
    """Return that a name is not in the index, or not in the class that the question has it in, and where else it is."""
    name = inline_code(missing.name.text) if missing.name.is_code else missing.name.text
    if missing.elsewhere is None:
        return say(asked.language, "no_name", name=name, where=_scope(asked))
    other = missing.elsewhere
    return say(asked.language, "no_member", name=name, other=_name(other), place=place(other))


def _scope(asked: Asked) -> str:
    if asked.where.repos:
        return ", ".join(inline_code(repo) for repo in asked.where.repos)
    return say(asked.language, "filtered" if asked.where.paths or asked.where.languages else "anywhere")
