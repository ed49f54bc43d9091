"""Let an LLM extend or replace the composed answer; its text is checked before a reader sees it."""

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass

from ml.errors import ModelError
from ml.llm.model import Llm
from rag_service.answer.code.evidence import Numbered
from rag_service.answer.composed.compose import Composer
from rag_service.answer.composed.phrases import say
from rag_service.answer.events import Notice, Text
from rag_service.answer.generated.explain import explain_with
from rag_service.answer.generated.failure import describe_failure
from rag_service.answer.generated.generate import stream_completion
from rag_service.answer.generated.prompt import (
    LANGUAGES,
    adding_prompt,
    cut_chunk,
    escape_evidence,
    evidence_tokens,
    numbered_evidence,
    writing_prompt,
)
from rag_service.answer.generated.quotes import Quotations
from rag_service.answer.generated.segments import Segment, segments
from rag_service.answer.generated.support import first_sentence, is_supported
from rag_service.answer.run import EVIDENCE, Run
from rag_service.retrieve import Retriever

ANSWER_TOKENS = 900
UNCITED_CHARS = 800  # about six sentences; an LLM that cites does so in the first or second
SENTENCE_TOKENS = 48
SENTENCE_EVIDENCE_CHARS = 900
SENTENCE_SECONDS = 4.0


def cite_text(run: Run, markdown: str) -> Iterator[Text]:
    """Yield our own text with its marks turned into citations."""
    with run.timed("cite"):
        text = "".join(run.citations.check(segment) for segment in segments(iter([markdown])))
    yield run.say(text)


def write_answer(
    run: Run, llm: Llm, evidence: Numbered, composer: Composer, composed: str, retriever: Retriever
) -> Iterator[Text | Notice]:
    """Let an LLM write that cites what it says. If it fails or cites nothing valid, the composed answer follows.

    Shown text is never withdrawn: output is held back until it has a valid citation, up to UNCITED_CHARS. If it has none, its
    sentences that lines bear stand as an explanation behind the composed answer.
    """
    quotations = Quotations(evidence.main, run.asked.text, say(run.asked.language, "own_code"))
    held, is_broken_off = HeldText(), False
    try:
        for text in _checked(run, llm, evidence, composer, quotations):
            # Yielding an empty text reveals whether the caller is still connected.
            yield run.say(held.add(text, cited=bool(run.citations.resolve())))
            if held.is_hopeless:
                break
    except ModelError as error:
        is_broken_off = True
        yield run.note(describe_failure(run, llm, error))
    finally:
        run.unquoted = quotations.dropped
        run.withheld = "" if held.shown else held.text
        run.model = llm.name if held.shown else EVIDENCE
    if held.shown and is_broken_off:
        run.model = f"{EVIDENCE} + {llm.name}"
        yield run.say(f"\n\n{say(run.asked.language, 'broken_off_before')}\n\n")
    if is_broken_off or not held.shown:
        yield from cite_text(run, composed)
    if held.text.strip() and not held.shown:
        yield from explain_with(run, llm, evidence, retriever, iter([held.text]), is_broken_off=is_broken_off)


@dataclass
class HeldText:
    """An LLM's output so far: nothing is `shown` before it cites something, everything after."""

    text: str = ""
    shown: bool = False

    def add(self, text: str, *, cited: bool) -> str:
        """Add to the text and return the part that may be shown now."""
        self.text += text
        if self.shown:
            return text
        self.shown = cited
        return self.text if cited else ""

    @property
    def is_hopeless(self) -> bool:
        """Whether there is so much text without a citation that none is to be expected."""
        return not self.shown and len(self.text) > UNCITED_CHARS


def _checked(run: Run, llm: Llm, evidence: Numbered, composer: Composer, quotations: Quotations) -> Generator[str]:
    """Yield an LLM's output in pieces, without invalid citations, quotations and URLs."""
    values = {
        "language": LANGUAGES[run.asked.language],
        "evidence": numbered_evidence(evidence.main, composer.matcher, evidence_tokens(llm.context, ANSWER_TOKENS)),
        "question": escape_evidence(run.asked.text),
    }
    parts = run.waited(
        "generate", stream_completion(llm, writing_prompt(llm.adapter), values, ANSWER_TOKENS, run.spent)
    )
    for segment in segments(parts):
        with run.timed("cite"):
            text = run.citations.check(Segment(quotations.check(segment), segment.is_code))
            text = text if segment.is_code else quotations.strip_links(text)
        if text:
            yield text


def add_sentence(run: Run, llm: Llm, evidence: Numbered, composer: Composer, composed: str) -> Iterator[Text | Notice]:
    """Let a small LLM add one sentence about the best evidence; it is shown only if the cited lines support it."""
    chunk = composer.subject
    code = cut_chunk(chunk, composer.matcher, SENTENCE_EVIDENCE_CHARS)
    try:
        sentence = _sentence(run, llm, {"evidence": code, "question": escape_evidence(run.asked.text)})
    except ModelError as error:
        if run.stages["generate"].seconds < SENTENCE_SECONDS:
            yield run.note(describe_failure(run, llm, error))
        return
    if is_supported(sentence, composer.cited_subject, composed, run.asked.text):
        run.model = f"{EVIDENCE} + {llm.name}"
        mark = evidence.cite(chunk, chunk.line_start, chunk.line_end)
        added = say(run.asked.language, "added", model=llm.name, sentence=f"{sentence} {mark}.")
        yield from cite_text(run, f"\n{added}\n")


def _sentence(run: Run, llm: Llm, values: Mapping[str, str]) -> str:
    """Return the LLM's first sentence, "" if it takes longer than SENTENCE_SECONDS."""
    text = ""
    for part in run.waited(
        "generate",
        stream_completion(llm, adding_prompt(llm.adapter), values, SENTENCE_TOKENS, run.spent, SENTENCE_SECONDS),
    ):
        text += part
        if first_sentence(text) or run.stages["generate"].seconds > SENTENCE_SECONDS:
            break
    return first_sentence(text + "\n")
