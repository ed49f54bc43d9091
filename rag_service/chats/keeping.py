"""Ask within a chat: with its turns as the conversation so far, keeping the new one."""

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

from ml.errors import RecordError
from rag_service.answer.asker import Asker
from rag_service.answer.conversation.listen import MOST_TURNS
from rag_service.answer.conversation.turns import Turn
from rag_service.answer.events import Answer, Event, Notice
from rag_service.chats.store import Chats

NEW = "new"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a turn is kept: a chat, None for one to begin; `viewer` as in `Chats`."""

    chats: Chats
    chat: str | None
    asker: Asker
    viewer: str | None = None

    @classmethod
    def named(cls, chats: Chats, chat: str, asker: Asker, viewer: str | None = None) -> Self:
        """Return the place for a chat's id, or NEW."""
        return cls(chats, None if chat == NEW else chat, asker, viewer)

    def ask(self, question: str, ask: Callable[[Sequence[Turn]], Iterator[Event]]) -> Generator[Event]:
        """Yield the events of a question that is asked with this conversation; the Answer names the chat.

        Raise ChatMissingError for a chat that is not there. If the turn can't be kept, a Notice says so.
        """
        history = self.chats.history(self.chat, viewer=self.viewer, last=MOST_TURNS) if self.chat else []
        for event in ask(history):
            if isinstance(event, Answer):
                yield from self._kept(question, event)
            else:
                yield event

    def _kept(self, question: str, answer: Answer) -> Iterator[Event]:
        try:
            kept = self.chats.keep(self.chat, question, answer, owner=self.asker.name, viewer=self.viewer)
        except RecordError as error:
            notices = [str(error)]
        else:
            answer = replace(answer, chat=kept.id)
            notices = [
                f"the oldest chat made room: {chat.title!r}, last used {chat.updated[:10]} (chats_max, chats_max_bytes)"
                for chat in kept.removed
            ]
        yield from (Notice(notice, "record") for notice in notices)
        yield replace(answer, notices=(*answer.notices, *notices))
