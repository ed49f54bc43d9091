"""Read a chat request: its last user message is the question, the messages before it are the conversation so far."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, Field

from ml.errors import QuestionError
from ml.patterns import linear
from rag_service.answer.conversation.listen import MOST_TURNS
from rag_service.answer.conversation.turns import Turn
from rag_service.answer.events import Citation

USER_QUERY = ("<user_query>", "</user_query>")
FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
# A line of the list of sources that `chat` appends to an answer, as it comes back in the history.
SOURCE = linear(r"(?m)^- \[(\d{1,4})\] `([^`\n]+):(\d{1,7})-(\d{1,7})` \((.+)\)$")
LONGEST = 1_000_000  # characters in which pasted code is separated from the question; longer messages are rejected
MAX_MESSAGES = 1_000
MAX_NAME = 500


class Message(BaseModel):
    """One message; parts other than text are ignored."""

    role: str = Field(max_length=MAX_NAME)
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The text of all parts, joined."""
        if isinstance(self.content, list):
            return "\n".join(str(part.get("text", "")) for part in self.content if part.get("type") == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    """What a stream reports besides the text."""

    include_usage: bool | None = None


class ChatRequest(BaseModel):
    """A request in OpenAI's form. Other parameters are ignored."""

    model: str = Field(
        "codeintel", max_length=MAX_NAME, description='"codeintel", or "codeintel:REPO" for one repository alone'
    )
    messages: list[Message] = Field(min_length=1, max_length=MAX_MESSAGES, fail_fast=True)
    stream: bool | None = None
    stream_options: StreamOptions | None = None


def conversation_of(messages: Sequence[Message], longest: int) -> tuple[list[Turn], str]:
    """Return the turns before the last user message, and the question in it. Raise QuestionError if there is none."""
    asked = [number for number, message in enumerate(messages) if message.role == "user" and message.text.strip()]
    if not asked:
        raise QuestionError("the conversation contains no user message", 'send one: {"role": "user", "content": "…"}')
    questions = [_extract_question(messages[number].text.strip(), longest) for number in asked[-1 - MOST_TURNS :]]
    between = pairwise(asked[-1 - MOST_TURNS :])
    answers = [
        "\n".join(each.text for each in messages[first:last] if each.role == "assistant") for first, last in between
    ]
    return list(map(turn_of, questions, answers)), questions[-1]


def turn_of(question: str, content: str) -> Turn:
    """Return a turn whose answer ends with its sources; one of another assistant has none."""
    citations = [
        Citation(int(found[1]), found[5], found[2], int(found[3]), int(found[4]), "")
        for found in SOURCE.finditer(content)
    ]
    answer = SOURCE.sub("", content) if citations else content
    return Turn(question, answer, citations)


def _extract_question(text: str, longest: int) -> str:
    """Return the question in a message: the part marked by a front end or, in a long message, without pasted code."""
    marked, closing, _ = text.partition(USER_QUERY[0])[2].partition(USER_QUERY[1])
    text = marked.strip() if closing else text
    if not longest < len(text) <= LONGEST:
        return text
    return _outside_fences(text).strip() or text


def _outside_fences(text: str) -> str:
    """Return the lines of a text outside fenced blocks."""
    kept, fence = [], ""
    for line in text.split("\n"):
        found = FENCE.match(line)
        if not fence and found:
            fence = found[1]
        elif not fence:
            kept.append(line)
        elif found and found[1].startswith(fence) and not line[found.end() :].strip():
            fence = ""
    return "\n".join(kept)
