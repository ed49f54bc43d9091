"""The assistant shared by the routes: opened on first use, with metrics."""

import threading
from collections.abc import Generator, Sequence
from contextlib import ExitStack, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from ml.adapters.follow import open_follower
from ml.errors import CodeIntelError, ServeError, StoreMissingError
from ml.handover import drift_file
from ml.index.store.base import Repository, Where
from ml.settings import Settings
from rag_service.answer.asker import Asker
from rag_service.answer.conversation.turns import Turn
from rag_service.answer.events import Event
from rag_service.answer.run import EVIDENCE
from rag_service.chats.keeping import Place
from rag_service.chats.store import Chats, open_chats
from rag_service.http.key_symbols import KeySymbols
from rag_service.http.metrics import Metrics
from rag_service.http.painting import Painter
from rag_service.record import record_feedback

if TYPE_CHECKING:
    from rag_service.answer.assistant import Assistant
    from rag_service.answer.question import Language
    from rag_service.http.routes.forms import FeedbackRequest


class Service:
    """One index and one LLM for many callers. A missing index is looked for again at each call."""

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
        """The key symbols of each repository."""
        return KeySymbols(self.assistant.store)

    @property
    def assistant(self) -> "Assistant":
        """The open assistant. Raises what opening the index or the LLM raises."""
        from rag_service.answer.assistant import open_assistant

        with self._opening:
            if self._open is None:
                self._open = self._resources.enter_context(open_assistant(self.settings))
            return self._open

    def ask(
        self,
        question: str,
        where: Where,
        asker: Asker,
        history: Sequence[Turn] = (),
        language: "Language | None" = None,
    ) -> Generator[Event]:
        """Answer a question and count its events. Nothing is opened before the first event is requested."""
        events = self.assistant.ask(question, where=where, asker=asker, history=history, language=language)
        yield from self.metrics.watch(events)

    @property
    def chats(self) -> Chats:
        """The kept chats. Raise ChatMissingError if none are kept."""
        return open_chats(self.settings)

    def viewer(self, asker: Asker) -> str | None:
        """Return whose chats a caller may see: their own if a proxy names callers, else everyone's."""
        return asker.name if self.settings.caller_header else None

    def ask_in_chat(self, question: str, where: Where, asker: Asker, chat: str) -> Generator[Event]:
        """Answer a question in a kept chat, or in a new one (`NEW`). Raise ChatMissingError."""
        place = Place.named(self.chats, chat, asker, self.viewer(asker))
        yield from place.ask(question, lambda history: self.ask(question, where, asker, history))

    def take_feedback(self, body: "FeedbackRequest", asker: Asker) -> None:
        """Record and count a reader's feedback on an answer. Raise RecordError."""
        about = record_feedback(self.settings, body.answer_id, body.verdict, body.comment, caller=asker.name)
        self.metrics.feedback(body.verdict)
        with suppress(CodeIntelError):  # without an index there is no assistant to send traces
            self.assistant.trace_feedback(about, asker)

    def repositories(self) -> list[Repository]:
        """Return the indexed repositories, none if there is no index."""
        try:
            return self.assistant.store.repositories()
        except StoreMissingError:
            return []

    def model(self) -> str:
        """Return the name of the LLM with its adapter, or "evidence" if there is none."""
        with suppress(CodeIntelError):
            llm = self.assistant.llm.get()
            if llm:
                return llm.name
        return EVIDENCE

    def check_ready(self, *, exclude_store: bool = False) -> list[Repository]:
        """Return the indexed repositories. Raise ServeError during loading, StoreMissingError if there are none.

        With `exclude_store`, a service that was ready stays ready without contacting the store.
        """
        if exclude_store and self._last_ready:
            return self._last_ready
        if not self._is_warm.is_set():
            raise ServeError("index and LLM are still loading", "ask again in a moment")
        self._last_ready = self.repositories()
        if not self._last_ready:
            raise StoreMissingError(f"nothing is indexed in {self.settings.store}", "run `codeintel index PATH_OR_URL`")
        return self._last_ready

    def warm_up(self) -> threading.Thread:
        """Load index and LLM in the background, so that the first question need not wait for them."""
        thread = threading.Thread(target=self._warm_up, name="warm-up")
        thread.start()
        if self._follower:
            self._follower.start()
        return thread

    def _warm_up(self) -> None:
        with suppress(CodeIntelError), ExitStack() as end:  # callers get the error
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
        """Close the index, the LLM and the highlighting process."""
        self.painter.close()
        if self._follower:
            self._follower.stop()
        with self._opening:
            self._resources.close()
            self._open = None
