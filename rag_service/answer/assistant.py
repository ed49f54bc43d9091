"""Answer a question as a stream of events: retrieve -> compose -> generate -> cite -> record."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Semaphore
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ml.adapters.in_force import LlmInForce
from ml.errors import ModelError, RecordError
from ml.index.chunk import Chunk
from ml.index.store.base import Store, Where
from rag_service.answer.asker import Asker
from rag_service.answer.code.evidence import Numbered
from rag_service.answer.code.stored import StoredLines, line_reader
from rag_service.answer.composed.absent import nothing_found
from rag_service.answer.composed.compose import Composer
from rag_service.answer.composed.phrases import say
from rag_service.answer.conversation.listen import Heard, Reply, SelfContained, ShowCode, listen
from rag_service.answer.conversation.show import code_shown
from rag_service.answer.conversation.turns import Turn
from rag_service.answer.events import Answer, Event, Evidence, Notice, last_answer
from rag_service.answer.gather.gather import Gathered, Verdict, gather
from rag_service.answer.generated.cite import Citations
from rag_service.answer.generated.explain import explain
from rag_service.answer.generated.write import add_sentence, cite_text, write_answer
from rag_service.answer.question import Asked, Language, check_question
from rag_service.answer.run import Run
from rag_service.answer.scope import scope_of
from rag_service.record import audit_entry, record_answer
from rag_service.retrieve import Retriever, open_retriever
from rag_service.tracing import open_tracer

if TYPE_CHECKING:
    from ml.settings import Settings
    from rag_service.tracing import Tracer

NEAREST = 3


class Assistant:
    """Answers questions about the indexed code; thread-safe.

    A context manager that closes the store.
    """

    def __init__(
        self,
        retriever: Retriever,
        store: Store,
        settings: "Settings",
        tracer: "Tracer | None" = None,
        llm: LlmInForce | None = None,
    ) -> None:
        self.llm = llm or LlmInForce(settings)
        self._tracer = tracer
        self.retriever = retriever
        self.store = store
        self.settings = settings
        self._turns = Semaphore(store.searches_at_once)

    def ask(
        self,
        question: str,
        *,
        where: Where | None = None,
        asker: Asker | None = None,
        history: Sequence[Turn] = (),
        language: Language | None = None,
    ) -> Iterator[Event]:
        """Yield events that end with the Answer; see `rag_service.answer.events`.

        `history` is the conversation so far, oldest turn first: "where is it used?" is asked about its last answer.
        The answer is in the question's language, or in the given one.
        Raise QuestionError at once for an invalid question; StoreError and EmbedderError are raised by the iterator.
        If the LLM fails, yield a Notice and compose the answer from the evidence.
        """
        text = check_question(question, self.settings.max_question_chars)
        return self._recorded(Run(Asked.of(text, where or Where(), language), asker or Asker(), history, language))

    def answer(
        self,
        question: str,
        *,
        where: Where | None = None,
        asker: Asker | None = None,
        history: Sequence[Turn] = (),
    ) -> Answer:
        """Answer a question and return the complete answer. Raise what `ask` raises."""
        events = self.ask(question, where=where, asker=asker, history=history)
        return last_answer(events)

    def trace_feedback(self, about: Mapping[str, Any], asker: Asker) -> None:
        """Send feedback, as returned by `record_feedback`, to the tracing backend, if any."""
        if self._tracer:
            self._tracer.trace_feedback(about, asker)

    def close(self) -> None:
        """Send the last traces, then close the store."""
        if self._tracer:
            self._tracer.close()
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _recorded(self, run: Run) -> Iterator[Event]:
        complete = False
        try:
            yield from self._events(run)
            complete = True
        finally:
            notice = self._record(run, complete=complete)
        if notice:
            yield notice
        cited = {citation.repo for citation in run.citations.resolve()}
        if run.understood or cited:  # a reply to "thanks" was looked up in nothing
            run.scope = scope_of(self.store, run.asked.where, cited, run.understood)
        yield run.answer()

    def _record(self, run: Run, *, complete: bool) -> Notice | None:
        about = audit_entry(run, complete=complete)
        if self._tracer:
            self._tracer.trace(run, about)
        try:
            record_answer(self.settings, about)
        except RecordError as error:
            return run.note(str(error), "record")
        return None

    def _events(self, run: Run) -> Iterator[Event]:
        match self._listen(run):
            case Reply(text):
                yield Evidence([])
                yield run.say(text)
            case ShowCode(subject):
                yield from self._show(run, subject.chunk)
            case SelfContained():
                yield from self._searched(run)

    def _listen(self, run: Run) -> Heard:
        """Return what the question asks for in its conversation; a follow-up becomes the run's question."""
        with self._turn(run), run.timed("retrieve"):
            heard, language = listen(run.history, run.asked.text, self.retriever, run.language)
        if isinstance(heard, SelfContained):
            own, narrowed = run.asked.where, heard.where
            where = Where(narrowed.repos or own.repos, narrowed.paths or own.paths, narrowed.languages or own.languages)
            run.asked = Asked.of(heard.text, where, language)
        return heard

    def _show(self, run: Run, chunk: Chunk) -> Iterator[Event]:
        with run.timed("compose"):
            evidence, text = code_shown(chunk, line_reader(self.store), run.asked.language)
        run.citations, run.sources = Citations(evidence.sources, evidence.lines), evidence.sources
        yield Evidence(evidence.sources)
        yield from cite_text(run, text)

    def _searched(self, run: Run) -> Iterator[Event]:
        with self._turn(run):
            lines = line_reader(self.store)
            gathered = self._gather(run, lines)
            composed = self._compose(run, gathered, lines) if gathered.verdict is not Verdict.NOTHING else None
        if composed:
            yield from self._answer(run, *composed)
        else:
            yield Evidence([])
            yield run.say(nothing_found(run.asked, gathered.missing, [hit.chunk for hit in gathered.hits[:NEAREST]]))

    @contextmanager
    def _turn(self, run: Run) -> Iterator[None]:
        with run.timed("retrieve"):  # so that the trace shows where the time went
            self._turns.acquire()
        try:
            yield
        finally:
            self._turns.release()

    def _gather(self, run: Run, lines: StoredLines) -> Gathered:
        with run.timed("retrieve"):
            run.understood = self.retriever.understand(run.asked.text)
            gathered = gather(run.asked, run.understood, self.retriever, lines, self.settings.evidence)
            run.found = gathered.found
            return gathered

    def _compose(self, run: Run, gathered: Gathered, lines: StoredLines) -> tuple[Numbered, Composer, str]:
        with run.timed("compose"):
            evidence = Numbered(gathered.hits, lines)
            composer = Composer(run.asked, evidence, self.retriever, run.understood, gathered)
            return evidence, composer, composer.compose()

    def _answer(self, run: Run, evidence: Numbered, composer: Composer, composed: str) -> Iterator[Event]:
        run.citations = Citations(evidence.sources, evidence.lines)
        run.sources = evidence.sources
        yield Evidence(evidence.sources)
        if not run.found:  # an LLM has nothing to add to what is not there
            yield from cite_text(run, composed)
            return
        try:
            llm = self.llm.get()
        except ModelError as error:
            llm = None
            yield run.note(say(run.asked.language, "away", place=self.settings.llm_model or "", cause=error.cause))
        if llm and llm.notice:
            yield run.note(llm.notice, "adapter")
        if llm and llm.trusted and llm.cites:
            yield from write_answer(run, llm, evidence, composer, composed, self.retriever)
            return
        yield from cite_text(run, composed)
        if llm and llm.trusted:
            yield from explain(run, llm, evidence, composer, self.retriever)
        elif llm and composer.leaves_unsaid:
            yield from add_sentence(run, llm, evidence, composer, composed)


def open_assistant(settings: "Settings", adapter: Path | None = None) -> Assistant:
    """Open the configured index, embedder and retriever, as a context manager.

    The LLM uses the adapter in Production, or a given `adapter` (GGUF, for the embedded base model) to evaluate.
    Raise StoreError, EmbedderError or SettingsError, and AdapterError for a bad adapter.
    """
    llm = LlmInForce(settings, adapter)
    if adapter:
        llm.get()
    retriever = open_retriever(settings)
    tracer = open_tracer(settings)
    return Assistant(retriever, retriever.store, settings, tracer, llm)
