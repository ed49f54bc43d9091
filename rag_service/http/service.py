"""The assistant as the routes share it: opened at the first need, and asked with what is measured about it."""

import threading
from collections.abc import Generator
from contextlib import ExitStack, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from ml.adapters.follow import open_follower
from ml.errors import CodeIntelError, ServeError, StoreMissingError
from ml.handover import drift_file
from ml.index.store.base import Repository, Where
from ml.settings import Settings
from rag_service.answer.asker import Asker
from rag_service.answer.events import Event
from rag_service.answer.run import EVIDENCE
from rag_service.http.key_symbols import KeySymbols
from rag_service.http.metrics import Metrics
from rag_service.http.painting import Painter
from rag_service.record import record_feedback

if TYPE_CHECKING:
    from rag_service.answer.assistant import Assistant
    from rag_service.http.routes.forms import FeedbackRequest


class Service:
    """One index, one LLM, many callers. An index that is not there yet is looked for again at each call."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics(self.repositories, self.model)
        self.metrics.watch_drift(drift_file(settings))
        self.painter = Painter()
        self._opening = threading.Lock()
        self._open: Assistant | None = None
        self._resources = ExitStack()
        self._is_warm = threading.Event()
        self._last_ready: list[Repository] = []
        self._follower = open_follower(settings)

    @cached_property
    def key_symbols(self) -> KeySymbols:
        """The names that each repository turns around."""
        return KeySymbols(self.assistant.store)

    @property
    def assistant(self) -> "Assistant":
        """The open assistant. Raise what opening the index or the LLM raises."""
        from rag_service.answer.assistant import open_assistant

        with self._opening:
            if self._open is None:
                self._open = self._resources.enter_context(open_assistant(self.settings))
            return self._open

    def ask(self, question: str, where: Where, asker: Asker) -> Generator[Event]:
        """Answer a question; the events are counted as they pass. Nothing is opened before the first is asked for."""
        yield from self.metrics.watch(self.assistant.ask(question, where=where, asker=asker))

    def take_feedback(self, body: "FeedbackRequest", asker: Asker) -> None:
        """Record and counts what a reader thought of an answer. Raise RecordError."""
        about = record_feedback(self.settings, body.answer_id, body.verdict, body.comment, caller=asker.name)
        self.metrics.feedback(body.verdict)
        with suppress(CodeIntelError):  # without an index there is no assistant, which sends traces
            self.assistant.trace_feedback(about, asker)

    def repositories(self) -> list[Repository]:
        """Return the indexed repositories, none where there is no index."""
        try:
            return self.assistant.store.repositories()
        except StoreMissingError:
            return []

    def model(self) -> str:
        """Name what writes: the LLM with its adapter, or "evidence" where none does."""
        with suppress(CodeIntelError):
            llm = self.assistant.llm.get()
            if llm:
                return llm.name
        return EVIDENCE

    def check_ready(self, *, exclude_store: bool = False) -> list[Repository]:
        """Return the indexed repositories. Raise ServeError while all is being loaded, StoreMissingError without any.

        With `exclude_store` one that was ready stays so, whatever becomes of the store, which is not asked.
        """
        if exclude_store and self._last_ready:
            return self._last_ready
        if not self._is_warm.is_set():
            raise ServeError("index and LLM are being loaded", "ask again in a moment")
        self._last_ready = self.repositories()
        if not self._last_ready:
            raise StoreMissingError(f"nothing is indexed in {self.settings.store}", "run `codeintel index PATH_OR_URL`")
        return self._last_ready

    def warm_up(self) -> threading.Thread:
        """Load index and LLM in the background, so that the first question does not wait for them."""
        thread = threading.Thread(target=self._warm_up, name="warm-up")
        thread.start()
        if self._follower:
            self._follower.start()
        return thread

    def _warm_up(self) -> None:
        with suppress(CodeIntelError), ExitStack() as end:  # who asks is told
            end.callback(self._is_warm.set)
            self.assistant.retriever.search("main", limit=1)
            for repository in self.repositories():
                self.key_symbols.of(repository)
            self._load_llm()
        self.painter.lines([("", "python", "")])

    def _load_llm(self) -> None:
        llm = self.assistant.llm.get()
        if llm:
            llm.open(None)
            llm.load()

    def close(self) -> None:
        """Give back index, LLM and the process that colours."""
        self.painter.close()
        if self._follower:
            self._follower.stop()
        with self._opening:
            self._resources.close()
            self._open = None
