"""The forms of training pairs: exactly what the service sends to its LLM, and only answers that it would accept."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ml.adapters.backends import open_llm
from ml.dataset.wording.draft import Draft, Form, Framed, Side
from ml.errors import SettingsError
from ml.index.chunk import Chunk
from ml.index.store.base import Candidate, Where
from ml.llm.model import ENDPOINT_CONTEXT
from rag_service.answer.code.evidence import Numbered
from rag_service.answer.code.stored import line_reader
from rag_service.answer.code.symbols import holds
from rag_service.answer.composed.compose import Composer
from rag_service.answer.composed.phrases import say
from rag_service.answer.generated.generate import stream_completion
from rag_service.answer.generated.prompt import cut_chunk, evidence_tokens, numbered_evidence
from rag_service.answer.generated.support import SPAN, first_sentence, is_supported
from rag_service.answer.generated.write import ANSWER_TOKENS, SENTENCE_EVIDENCE_CHARS, SENTENCE_TOKENS
from rag_service.answer.question import Asked, language_of
from rag_service.answer.run import TokenUsage
from rag_service.retrieve import Hit, Retriever

if TYPE_CHECKING:
    from ml.settings import Settings

REWORDED_TOKENS = 80
CHARS_A_TOKEN = 2.5  # for sentences full of names, at least
REWORD = (
    "Put the question into other words, in its own language, as a colleague would ask it. Keep everything in backticks "
    "exactly as it is. Write the question alone."
)
NUMBER = re.compile(r"^(\d+)\|", re.MULTILINE)


class SentenceForm:
    """A small LLM that adds one sentence about one piece of code (`write.add_sentence`): "number| line" of that piece."""

    name = "sentence"

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever
        self._lines = line_reader(retriever.store)

    def frame(self, draft: Draft, side: Side) -> Framed | None:
        """Frame a draft with its own chunk."""
        composer = self._composer(draft.question, draft.chunk)
        context = cut_chunk(draft.chunk, composer.matcher, SENTENCE_EVIDENCE_CHARS)
        if not _shows(context, draft):
            return None
        cited, sentence = composer.cited_subject, draft.sentence
        whole = first_sentence(f"{sentence} [1].\n") == sentence and len(sentence) <= SENTENCE_TOKENS * CHARS_A_TOKEN
        learn = draft.asks_about_it and composer.leaves_unsaid and whole
        learn = learn and is_supported(sentence, cited, "", draft.question)
        shown = learn and is_supported(sentence, cited, composer.compose(), draft.question)
        return Framed(context, "[1]", learn=learn, shown=shown)

    def refusal(self, question: str) -> tuple[str, str]:
        """Return the nearest code for a question about something absent, and the service's refusal."""
        nearest = self._retriever.search(question, limit=1)[0].chunk
        matcher = self._composer(question, nearest).matcher
        return cut_chunk(nearest, matcher, SENTENCE_EVIDENCE_CHARS), _refusal_text(question)

    def _composer(self, question: str, chunk: Chunk) -> Composer:
        return Composer(Asked.of(question, Where()), Numbered([_hit(chunk)], self._lines), self._retriever)


class EvidenceForm:
    """An LLM that writes the whole answer (`write.write_answer`): numbered blocks of search results."""

    name = "evidence"

    def __init__(self, retriever: Retriever, settings: "Settings") -> None:
        self._retriever = retriever
        self._lines = line_reader(retriever.store)
        self._limit = settings.evidence

    def frame(self, draft: Draft, side: Side) -> Framed | None:
        """Frame a draft with search results from its split; if its own chunk is not among them, it replaces the last."""
        hits = self._found(draft.question, side)
        if not any(holds(hit.chunk, draft.chunk, *draft.lines) for hit in hits):
            hits = [*hits[: self._limit - 1], _hit(draft.chunk)]
        context, numbered = self._context(draft.question, hits)
        source = next(source for source in numbered.main if holds(source.chunk, draft.chunk, *draft.lines))
        _, _, block = context.partition(f'<evidence n="{source.n}"')
        if not _shows(block.partition("\n</evidence>")[0], draft):
            return None
        mark = f"[{source.n}:{draft.lines[0]}-{draft.lines[1]}]"
        return Framed(context, mark, learn=True, shown=True)

    def refusal(self, question: str) -> tuple[str, str]:
        """Return the search results for a question about something absent, and the service's refusal."""
        return self._context(question, self._retriever.search(question, limit=self._limit))[0], _refusal_text(question)

    def _found(self, question: str, side: Side) -> list[Hit]:
        hits = self._retriever.search(question, limit=4 * self._limit)
        return [hit for hit in hits if side(hit.chunk.repo, hit.chunk.file_path)][: self._limit]

    def _context(self, question: str, hits: list[Hit]) -> tuple[str, Numbered]:
        numbered = Numbered(hits, self._lines)
        composer = Composer(Asked.of(question, Where()), numbered, self._retriever)
        tokens = evidence_tokens(ENDPOINT_CONTEXT, ANSWER_TOKENS)
        return numbered_evidence(numbered.main, composer.matcher, tokens), numbered


def form_for(retriever: Retriever, settings: "Settings", name: str | None = None) -> Form:
    """Return the form by name; the default is that of the embedded LLM if it is the model to fine-tune."""
    small = name == SentenceForm.name if name else settings.base_model == "embedded"
    return SentenceForm(retriever) if small else EvidenceForm(retriever, settings)


def _hit(chunk: Chunk) -> Hit:
    return Hit(chunk, 0.0, Candidate(chunk, 0.0, 0.0, 0.0))


def _shows(context: str, draft: Draft) -> bool:
    """Return whether the evidence shows the first and last line of the link."""
    shown = set(map(int, NUMBER.findall(context)))
    return shown.issuperset(draft.lines)


def _refusal_text(question: str) -> str:
    language = language_of(question)
    return say(language, "nothing", where=say(language, "anywhere"))


def paraphraser(settings: "Settings") -> Callable[[str], str]:
    """Return a function that rephrases a question with the configured LLM. Raise SettingsError, ModelError.

    A rephrasing is accepted only if it is one question in the same language that names the same code.
    """
    llm = open_llm(settings)
    if llm is None:
        raise SettingsError("no LLM is configured to rephrase questions", "set llm, or leave the option out")
    from langchain_core.prompts import ChatPromptTemplate

    prompt = ChatPromptTemplate.from_messages([("system", REWORD), ("human", "{question}")])

    def reword(question: str) -> str:
        text = "".join(stream_completion(llm, prompt, {"question": question}, REWORDED_TOKENS, TokenUsage())).strip()
        same = sorted(SPAN.findall(text)) == sorted(SPAN.findall(question))
        one = text.endswith("?") and text.count("?") == 1 and "\n" not in text and len(text) <= 2 * len(question)
        return text if same and one and language_of(text) == language_of(question) else question

    return reword
