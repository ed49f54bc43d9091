"""Export a chat as Markdown: each question and its answer, with the cited places as path:line."""

from collections.abc import Iterator, Sequence

from rag_service.answer.question import language_of
from rag_service.chats.store import Chat, KeptTurn
from rag_service.wire import SOURCES, source_line


def export(chat: Chat, turns: Sequence[KeptTurn]) -> str:
    """Return a chat as a Markdown document."""
    head = f"# {chat.title}\n\n{chat.created[:10]} – {chat.updated[:10]}, chat `{chat.id}`\n"
    return "\n".join([head, *(part for turn in turns for part in _turn(turn))])


def _turn(turn: KeptTurn) -> Iterator[str]:
    yield f"## {' '.join(turn.question.split())}\n"
    asked = turn.answer["question"]
    if asked != turn.question:
        yield f"*{' '.join(asked.split())}*\n"
    yield turn.answer["answer"].rstrip() + "\n"
    if turn.citations:
        yield f"**{SOURCES[language_of(asked)]}**\n"
        yield "\n".join(map(source_line, turn.citations)) + "\n"
