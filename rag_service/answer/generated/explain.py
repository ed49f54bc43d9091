"""Let a model on this machine explain the composed answer: each sentence is shown once its lines were found."""

import re
from collections.abc import Generator, Iterator

from ml.errors import ModelError
from ml.index.chunk import last_name
from ml.llm.model import Llm
from ml.patterns import bounded, linear
from rag_service.answer.code.evidence import Numbered
from rag_service.answer.composed.compose import Composer
from rag_service.answer.composed.phrases import say
from rag_service.answer.events import Notice, Text
from rag_service.answer.generated.attach import Attacher
from rag_service.answer.generated.budget import WHOLE, budget_for
from rag_service.answer.generated.cite import REFERENCE
from rag_service.answer.generated.claims import refers_back
from rag_service.answer.generated.failure import describe_failure
from rag_service.answer.generated.generate import stream_completion
from rag_service.answer.generated.prompt import escape_evidence, explaining_prompt
from rag_service.answer.generated.quotes import Quotations
from rag_service.answer.generated.segments import Segment, map_outside_code, segments, sentences
from rag_service.answer.generated.story import tell_story
from rag_service.answer.question import Language
from rag_service.answer.run import EVIDENCE, Run
from rag_service.retrieve import Retriever
from rag_service.retrieve.question import stems_of

MOST_UNBORNE = 6  # sentences in a row that nothing bears: it writes about something else
SPAN = re.compile(r"`+[^`\n]*`+")
ITEM = bounded(r"\s*(?:[-*+>]\s+|\d+[.)]\s+|#+\s+)*", longest=1_000)
MARKUP = re.compile(r"\*\*|__(?=\w)|(?<=\w)__(?!\w)")
FOREIGN: dict[Language, "re.Pattern[str]"] = {
    "en": linear(r"[\p{Cyrillic}\p{Han}\p{Hiragana}\p{Hangul}\p{Arabic}]{2}"),
    "ru": linear(r"[\p{Han}\p{Hiragana}\p{Hangul}\p{Arabic}]{2}|\A[^\p{Cyrillic}]*\z"),
}


class Explanation:
    """The sentences of a model that lines bear, as they come; `is_over` once it repeats itself, or only says what nothing bears."""

    def __init__(self, run: Run, attacher: Attacher, quotations: Quotations) -> None:
        self.is_over = False
        self.written = ""
        self.kept = 0
        self._run = run
        self._attacher = attacher
        self._quotations = quotations
        self._topic = ""
        self._unborne = 0  # in a row
        self._said: list[frozenset[str]] = []

    def take(self, segment: Segment) -> Iterator[str]:
        """Yield each sentence of a segment that lines bear, with their citations. Blocks of code are left out."""
        self.written += segment.text
        for sentence in () if segment.is_code else sentences(segment.text):
            if not self.is_over and (text := self._checked(sentence)):
                yield text

    def _checked(self, sentence: str) -> str:
        plain = MARKUP.sub("", map_outside_code(ITEM.sub("", sentence, count=1), lambda part: REFERENCE.sub("", part)))
        stems = stems_of(plain)
        if self._is_repeated(stems) or self._is_foreign(plain):
            self.is_over = True
            return ""
        self._said.append(stems)
        borne = None if self._unborne and refers_back(plain) else self._attach(plain)
        if borne is None:
            self._run.unborne += 1
            self._unborne += 1
            self.is_over = self._unborne >= MOST_UNBORNE
            return ""
        self._unborne = 0
        self.kept += 1
        return borne

    def _attach(self, plain: str) -> str | None:
        quoted = self._quotations.check(Segment(plain, is_code=False)).strip()
        borne = self._attacher.attach(quoted, self._topic) if quoted else None
        if borne is None:
            return None
        self._topic = borne.topic
        return self._run.citations.check(Segment(borne.cited, is_code=False))

    def _is_repeated(self, stems: frozenset[str]) -> bool:
        return any(stems <= said for said in self._said)

    def _is_foreign(self, plain: str) -> bool:
        return bool(FOREIGN[self._run.asked.language].search(SPAN.sub("", plain)))


def explain(
    run: Run, llm: Llm, evidence: Numbered, composer: Composer, retriever: Retriever
) -> Iterator[Text | Notice]:
    """Let a model explain what the evidence shows."""
    yield from explain_with(run, llm, evidence, retriever, _written(run, llm, composer, evidence))


def explain_with(
    run: Run, llm: Llm, evidence: Numbered, retriever: Retriever, parts: Iterator[str], *, is_broken_off: bool = False
) -> Iterator[Text | Notice]:
    """Yield the sentences of a model that lines bear, each as soon as they were found; what nothing bears is counted.

    If no sentence is left, one line says so. If the model fails, a notice does.
    """
    quotations = Quotations(evidence.sources, run.asked.text, say(run.asked.language, "own_code"))
    explanation = Explanation(run, Attacher(evidence.sources, retriever, run.asked.text), quotations)
    try:
        yield from _sentences(run, llm, explanation, parts)
    except ModelError as error:
        if run.seconds < WHOLE:
            is_broken_off = True
            yield run.note(describe_failure(run, llm, error))
    finally:
        run.withheld = "" if explanation.kept else explanation.written
        run.model = f"{EVIDENCE} + {llm.name}" if explanation.written.strip() else EVIDENCE
    if ending := _ending(run, llm, explanation, is_broken_off=is_broken_off):
        yield run.explain(f"{ending}\n")


def _sentences(run: Run, llm: Llm, explanation: Explanation, parts: Iterator[str]) -> Iterator[Text]:
    """Yield each sentence, until the model is done, repeats itself or its time is up."""
    for segment in segments(parts):
        before = " " if explanation.kept else f"\n{say(run.asked.language, 'explained', model=llm.name)}\n\n"
        with run.timed("cite"):
            text = " ".join(explanation.take(segment))
        # Yielding an empty text reveals whether the caller is still connected.
        yield run.explain(f"{before}{text}" if text else "")
        if explanation.is_over or (not llm.cites and run.seconds > WHOLE):
            return


def _ending(run: Run, llm: Llm, explanation: Explanation, *, is_broken_off: bool) -> str:
    """Return the line that says why there is no more, if the reader has to know."""
    language = run.asked.language
    if explanation.kept:
        return f" {say(language, 'broken_off')}" if is_broken_off else "\n"
    if is_broken_off:
        return ""  # the notice says so
    return f"\n{say(language, 'unborne' if explanation.written.strip() else 'too_slow', model=llm.name)}"


def _written(run: Run, llm: Llm, composer: Composer, evidence: Numbered) -> Generator[str]:
    """Yield what the model writes, after the beginning that is put into its mouth: the name of the subject."""
    subject, budget = composer.subject, budget_for(llm.speed(), llm.context)
    name = last_name(subject.symbol) if subject.kind != "section" else ""
    opening = f"`{name}`" if name else ""
    chunks = [source.chunk for source in evidence.main]
    values = {
        "evidence": tell_story(subject, chunks, composer.matcher, budget.evidence),
        "question": escape_evidence(run.asked.text),
        "opening": opening,
    }
    yield opening
    prompt = explaining_prompt(run.asked.language, opens=bool(opening))
    left = max(WHOLE - run.seconds, 1.0)
    yield from run.waited("generate", stream_completion(llm, prompt, values, budget.written, run.spent, left))
