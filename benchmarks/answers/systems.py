"""What is measured: the assistant, with and without its LLM, and plain RAG as a baseline."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from benchmarks.answers.reference import Repository
from benchmarks.retrieval.measure import Corpus
from ml.adapters.backends import open_llm
from ml.errors import ModelError
from ml.evaluation.case import Cited
from ml.evaluation.retrieval import Place
from ml.llm.model import Llm
from ml.settings import Settings
from rag_service.answer.assistant import Assistant
from rag_service.answer.events import Answer, Evidence, Text
from rag_service.answer.generated.generate import CHARS_A_TOKEN, stream_completion
from rag_service.answer.generated.prompt import evidence_tokens
from rag_service.answer.generated.write import ANSWER_TOKENS
from rag_service.answer.run import TokenUsage
from rag_service.evaluation.asking import cited_lines

EVIDENCE, LLM, PLAIN, PLAIN_LLM = "evidence", "llm", "plain", "plain+llm"
WITH_LLM = {LLM, PLAIN_LLM}
WINDOWS = 5
UNKNOWN = "I don't know"
PLAIN_PROMPT = f"""Answer the question about source code from the passages, in a few whole sentences. If the passages do not
answer the question, write "{UNKNOWN}"."""


@dataclass(frozen=True, slots=True)
class Seconds:
    """Seconds from the question to the first evidence, the first written word and the end."""

    evidence: float
    word: float
    last: float


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as a reader receives it; `found` is False for a refusal, `withheld` what an LLM wrote in vain."""

    answer: str
    found: bool
    citations: tuple[Cited, ...]
    seconds: Seconds
    withheld: str = ""


Ask = Callable[[str], Reply]


@contextmanager
def open_systems(corpus: Corpus, repository: Repository, names: Sequence[str]) -> Iterator[dict[str, Ask]]:
    """Yield the named systems over an indexed repository; the LLM is the one of the settings."""
    with ExitStack() as opened:
        data = opened.enter_context(TemporaryDirectory(prefix="codeintel-answers-"))
        quiet = Settings(data_dir=data, llm_adapter="none")
        without = quiet.model_copy(update={"llm": "none"})
        systems: dict[str, Callable[[], Ask]] = {
            EVIDENCE: lambda: _assistant(corpus, without),
            LLM: lambda: _assistant(corpus, quiet),
            PLAIN: lambda: PlainRag(corpus, repository, None),
            PLAIN_LLM: lambda: PlainRag(corpus, repository, open_llm(quiet)),
        }
        yield {name: systems[name]() for name in names}


def _assistant(corpus: Corpus, settings: Settings) -> Ask:
    assistant = Assistant(corpus.retriever(), corpus.store, settings)

    def ask(question: str) -> Reply:
        clock = _Clock()
        for event in assistant.ask(question):
            if isinstance(event, Evidence):
                clock.evidence()
            elif isinstance(event, Text) and event.text.strip():
                clock.word()
            elif isinstance(event, Answer):
                return Reply(event.answer, event.found, cited_lines(event), clock.seconds(), event.withheld)
        raise RuntimeError("the assistant did not finish its answer")

    return ask


class PlainRag:
    """The best windows of plain BM25, shown as they are, or given to an LLM that answers from them."""

    def __init__(self, corpus: Corpus, repository: Repository, llm: Llm | None) -> None:
        self._search = corpus.plain.search
        self._lines = repository.lines
        self._llm = llm

    def __call__(self, question: str) -> Reply:
        """Answer a question. The windows are the sources of an answer, whether it cites them or not."""
        clock = _Clock()
        windows = [self._window(n, place) for n, place in enumerate(self._search(question)[:WINDOWS], start=1)]
        clock.evidence()
        answer = self._write(question, windows, clock) if self._llm else "\n\n".join(map(_shown, windows))
        return Reply(answer, bool(windows) and UNKNOWN not in answer, tuple(windows), clock.seconds())

    def _window(self, n: int, place: Place) -> Cited:
        return Cited(n, place, "\n".join(self._lines[place.path][place.line_start - 1 : place.line_end]))

    def _write(self, question: str, windows: Sequence[Cited], clock: "_Clock") -> str:
        from langchain_core.prompts import ChatPromptTemplate

        assert self._llm
        prompt = ChatPromptTemplate.from_messages([("system", PLAIN_PROMPT), ("human", "{passages}\n\n{question}")])
        most = evidence_tokens(self._llm.context, ANSWER_TOKENS) * CHARS_A_TOKEN
        values = {"passages": "\n\n".join(map(_passage, windows))[:most], "question": question}
        text = ""
        with suppress(ModelError):  # what it wrote until it failed is its answer
            for part in stream_completion(self._llm, prompt, values, ANSWER_TOKENS, TokenUsage()):
                text += part
                if text.strip():
                    clock.word()
        return text


def _shown(window: Cited) -> str:
    return f"`{_at(window.place)}` [{window.n}]:\n\n```\n{window.quote}\n```"


def _passage(window: Cited) -> str:
    return f"[{window.n}] {_at(window.place)}\n{window.quote}"


def _at(place: Place) -> str:
    return f"{place.path}:{place.line_start}-{place.line_end}"


class _Clock:
    """Notes when an answer's parts arrive."""

    def __init__(self) -> None:
        self._start = time.perf_counter()
        self._evidence: float | None = None
        self._word: float | None = None

    def evidence(self) -> None:
        self._evidence = self._evidence or self._now()

    def word(self) -> None:
        self._word = self._word or self._now()

    def seconds(self) -> Seconds:
        end = self._now()
        return Seconds(self._evidence or end, self._word or end, end)

    def _now(self) -> float:
        return time.perf_counter() - self._start
