"""Compose an answer from the evidence alone: what the symbol is, its docstring, its key lines and its callers."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

from ml.index.chunk import Chunk, last_name
from ml.index.languages.definitions import SIGNATURE_CHARACTERS
from ml.index.sources.git.history import Change, last_change
from rag_service.answer.code.callers import Call, Callers, callers_of
from rag_service.answer.code.evidence import Numbered
from rag_service.answer.code.excerpt import Excerpt, comments_near, excerpt
from rag_service.answer.code.lines import LineMatcher, comment_text
from rag_service.answer.code.symbols import contains, head_of, is_whole
from rag_service.answer.composed.absent import lacks_name
from rag_service.answer.composed.phrases import KINDS, say
from rag_service.answer.composed.piece import Piece, cited_code, name_of
from rag_service.answer.composed.prose import (
    best_sentences,
    inline_code,
    place,
    plain,
    shorten,
    signature,
)
from rag_service.answer.gather.gather import Gathered, Verdict
from rag_service.answer.gather.subject import DOING, Handler, Story, Storyteller
from rag_service.answer.gather.widen import Widening
from rag_service.answer.generated.support import Cited
from rag_service.answer.question import Asked, Intent
from rag_service.answer.walk.story import Walkthrough
from rag_service.retrieve import Retriever
from rag_service.retrieve.question import Question

CALLERS = 3
ALL_CALLERS = 8
FURTHER = 8
MOST_BELONGING = {"overridden": 1, "base": 2, "called": 3, "raised": 2, "test": 1, "namesake": 1}
FIRST, NEXT = 110, 60  # words about the subjects of a story
DOCSTRING_SENTENCES = 2
SECTION_SENTENCES = 4
TELLING = 0.4  # share of the question's weight that a line must match to be shown beside a further location
LONGEST_SIGNATURE = 140
LONGEST_ASIDE = 100


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
    def _story(self) -> Story:
        return Storyteller(self._asked, self._evidence.main, self._retriever, self._evidence.lines).story()

    @property
    def subject(self) -> Chunk:
        """The whole symbol that the answer is about, or begins with: see `rag_service.answer.gather.subject`."""
        return self._story.subjects[0]

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
            parts += [self._callers(), self._walk(subject), self._lines(subject), self._belonging()]
        elif len(self._story.subjects) > 1 or self._story.handler:
            parts += [self._walk(subject, FIRST), *self._next(), self._callers(), self._belonging()]
        else:
            walk = self._walk(subject)
            parts += [*self._reasons(subject), walk, self._lines(subject, bool(walk)), self._callers()]
            parts.append(self._belonging())
        return "\n\n".join(filter(None, [*parts, self._further()])) + "\n"

    def _next(self) -> Iterator[str]:
        """Yield what the further subjects of a story do, each below the line that connects it with those before."""
        told = [self.subject]
        for chunk in self._story.subjects[1:]:
            piece = self._piece(chunk)
            connected = (self._walkthrough.connection(before, chunk) for before in told)
            yield next(filter(None, connected), "") or self._what(piece)
            yield self._documentation(piece, limit=1)
            yield self._walkthrough.brief(chunk, NEXT)
            told.append(chunk)
        if self._story.handler:
            yield self._handled(self._story.handler)
            yield self._walkthrough.brief(self._story.handler.chunk, NEXT)

    def _lacks(self) -> Iterator[str]:
        """Yield what the question takes for granted and the code does not have, and that what follows is only near it."""
        if not self._gathered or self._gathered.verdict is not Verdict.PARTLY:
            return
        for missing in self._gathered.missing:
            yield lacks_name(self._asked, missing)
        for premise in self._gathered.premises:
            chunk = premise.chunk
            mark = self._evidence.cite(chunk, chunk.line_start, chunk.line_end)
            yield self._say("false_premise", name=name_of(chunk), other=inline_code(premise.other), mark=mark)
        if self._gathered.is_about_missing:
            yield self._say("near")

    def _say(self, phrase: str, **values: object) -> str:
        return say(self._asked.language, phrase, **values)

    def _piece(self, chunk: Chunk) -> Piece:
        if not chunk.symbol:
            return Piece(chunk, chunk)
        stored = self._evidence.lines(chunk.repo, chunk.file_path)
        whole = is_whole(chunk, stored)
        return Piece(chunk, chunk if whole else head_of(chunk, stored), whole)

    def _header_mark(self, piece: Piece) -> str:
        return self._evidence.cite(piece.head, piece.head.line_start, piece.header_end)

    def _what(self, piece: Piece) -> str:
        chunk = piece.chunk
        said = self._say(
            ("where" if Intent.WHERE in self._asked.intent else "is") if piece.is_whole else "part",
            name=name_of(chunk),
            kind=KINDS[self._asked.language][chunk.kind],
            place=place(chunk),
            mark=self._evidence.cite(chunk, chunk.line_start, chunk.line_end),
        )
        if not piece.about.signature or chunk.kind == "section" or len(piece.about.signature) >= SIGNATURE_CHARACTERS:
            return said
        shown = inline_code(shorten(signature(piece.about.signature), LONGEST_SIGNATURE))
        return f"{said} {self._say('signature', code=shown, mark=self._header_mark(piece))}"

    def _documentation(self, piece: Piece, limit: int = DOCSTRING_SENTENCES) -> str:
        limit = SECTION_SENTENCES if piece.chunk.kind == "section" else limit
        found = best_sentences(piece.documentation, self.matcher.score, limit)
        return " ".join(f"{sentence} {self._header_mark(piece)}." for sentence in found)

    def _excerpt(self, piece: Piece) -> Excerpt | None:
        if piece.chunk.kind == "section":
            return None
        in_strings = self._evidence.lines(piece.chunk.repo, piece.chunk.file_path).in_strings
        return excerpt(piece.chunk, piece.body_start, self.matcher, in_strings)

    def _lines(self, piece: Piece, told: bool = False) -> str:
        """Return the lines that matter as a block; of a class that is `told` in sentences, only if it is short."""
        shown = self._excerpt(piece)
        if not shown or (told and piece.chunk.kind == "class" and shown.phrase != "whole"):
            return ""
        mark = self._evidence.cite(piece.chunk, shown.first, shown.last)
        return f"{self._say(shown.phrase if piece.is_whole else 'lines', mark=mark)}\n\n{shown.markdown()}"

    def _reasons(self, piece: Piece) -> Iterator[str]:
        """Yield what can answer a "why" besides the docstring: comments near the lines that matter, and their commit."""
        shown = self._excerpt(piece) if Intent.WHY in self._asked.intent else None
        if not shown:
            return
        numbers = [number for numbers in shown.ranges for number in numbers]
        comments = comments_near(piece.chunk, numbers)
        for start, end in comments[:2]:
            lines = piece.chunk.text.split("\n")[start - piece.chunk.line_start : end - piece.chunk.line_start + 1]
            text = shorten(plain(" ".join(map(comment_text, lines))).rstrip(". "), 2 * LONGEST_ASIDE)
            yield self._say("comment", text=text, mark=self._evidence.cite(piece.chunk, start, end))
        change = self._change(piece.chunk, numbers)
        if change:
            yield self._say("commit", commit=inline_code(change.commit), day=change.day, subject=plain(change.subject))
        if not comments and not piece.about.docstring and not change:
            yield self._say("no_reason")

    def _change(self, chunk: Chunk, numbers: Sequence[int]) -> Change | None:
        """Return the commit that made some lines, where the repository lies on this machine."""
        repositories = self._retriever.store.repositories()
        source = next((one.source for one in repositories if one.name == chunk.repo), "")
        lines = dict(enumerate(chunk.text.split("\n"), start=chunk.line_start))
        wanted = {number: lines[number] for number in numbers if lines[number].strip()}
        return last_change(Path(source), chunk.revision, chunk.file_path, wanted) if source else None

    @cached_property
    def _walkthrough(self) -> Walkthrough:
        stored = self._evidence.lines(self.subject.repo, self.subject.file_path).chunks
        found = [source.chunk for source in self._evidence.main]
        known = [*found, *self._story.known, *stored, *self._widening.known]
        return Walkthrough(self._asked, self.matcher, known, self._evidence.cite)

    def _walk(self, piece: Piece, words: int = 0) -> str:
        """Return what the code does, step by step, below the way from one symbol to another if that is asked."""
        walk = self._walkthrough
        return "\n\n".join(filter(None, [walk.relation(), walk.markdown(piece.chunk, words)]))

    def _handled(self, handler: Handler) -> str:
        chunk, error = handler.chunk, inline_code(last_name(handler.error.symbol))
        mark = self._evidence.cite(chunk, handler.first, handler.last)
        return self._say("handles", name=name_of(chunk), place=place(chunk), error=error, mark=mark)

    def _callers(self) -> str:
        wanted, found = Intent.CALLERS in self._asked.intent, self._callers_found
        if not found.calls:
            return self._say("no_callers") if wanted else ""
        if found.ambiguous and not wanted:
            return ""
        places = ", ".join(map(self._caller, found.calls[: ALL_CALLERS if wanted else CALLERS]))
        return self._say("named" if found.ambiguous else "callers", places=places)

    def _caller(self, call: Call) -> str:
        chunk, where = call.chunk, place(call.chunk, call.line)
        above = "\n".join(chunk.text.split("\n")[: call.line - chunk.line_start + 1])
        if chunk.symbol and last_name(chunk.symbol) in above:
            return f"{name_of(chunk)} ({where}) {self._evidence.cite(chunk, chunk.line_start, call.line)}"
        return f"{where} {self._evidence.cite(chunk, call.line, call.line)}"

    def _belonging(self) -> str:
        """Return what belongs to the subject and was not cited yet, in a sentence for each way of belonging to it."""
        related = self._widening.related(self._callers_found)
        cited = [*self._told, *self._evidence.further]
        found: defaultdict[str, list[Chunk]] = defaultdict(list)
        for each in (each for each in related if not _is_in(each.chunk, cited)):
            if len(found[each.why]) < MOST_BELONGING[each.why]:
                found[each.why].append(each.chunk)
                self._told.append(each.chunk)
        if self.subject.kind == "class" and "base" in found:
            found = defaultdict(list, {"derives" if why == "base" else why: chunks for why, chunks in found.items()})
        return " ".join(self._say(why, places=", ".join(map(self._place, chunks))) for why, chunks in found.items())

    def _place(self, chunk: Chunk) -> str:
        return f"{name_of(chunk)} ({place(chunk)}) {self._evidence.cite(chunk, chunk.line_start, chunk.line_end)}"

    def _further(self) -> str:
        """Return the best of what else was found, each with the reason to look there."""
        items: dict[str, str] = {}
        for chunk in (source.chunk for source in self._evidence.main):
            reason = self._reason(chunk) if len(items) < FURTHER and not _is_in(chunk, self._told) else ""
            if reason:
                self._told.append(chunk)
                mark = self._evidence.cite(chunk, chunk.line_start, chunk.line_end)
                items.setdefault(reason, f"- {place(chunk)} {name_of(chunk)}{reason} {mark}")
        return "\n".join([self._say("further"), *items.values()]) if items else ""

    @cached_property
    def _told(self) -> list[Chunk]:
        """What the answer has told so far, which is not listed again."""
        return [*self._story.subjects, *([self._story.handler.chunk] if self._story.handler else [])]

    def _reason(self, chunk: Chunk) -> str:
        """Return why to look at another place: the line that matches, or what its docstring says or it does; "" for no reason."""
        piece = self._piece(chunk)
        why = f", {self._say('around')}" if contains(chunk, self.subject) else ""
        in_strings = self._evidence.lines(chunk.repo, chunk.file_path).in_strings
        line = next(iter(self.matcher.best(chunk, piece.body_start, 1, in_strings)), None)
        sentence = next(iter(best_sentences(piece.documentation, self.matcher.score, limit=1)), "")
        tells = line is not None and self.matcher.share(line.score) >= TELLING
        prefers_line = not sentence or bool(self._asked.intent & (Intent.WHERE | Intent.WHY))
        does = self._walkthrough.summary(chunk)[0] if not sentence and not tells and chunk.kind in DOING else ""
        said = shorten(sentence, LONGEST_ASIDE) if sentence else does
        if line and ((tells and prefers_line) or not said):
            return f"{why}: {inline_code(shorten(line.text.strip(), LONGEST_ASIDE))}"
        return f"{why} — {said}" if said else why


def _is_in(chunk: Chunk, others: Sequence[Chunk]) -> bool:
    return any(contains(other, chunk) for other in others)
