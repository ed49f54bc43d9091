"""Read a chat request: its last user message is the question, the messages before it are the conversation so far."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel

from ml.errors import QuestionError
from ml.patterns import linear
from rag_service.answer.conversation.listen import MOST_TURNS
from rag_service.answer.conversation.turns import Turn
from rag_service.answer.events import Citation
from rag_service.http.routes.wrapped import extract_question

TEXTS = ("text", "input_text", "output_text", "refusal")
# A line of the list of sources at the end of an answer, as it comes back in the history.
SOURCE = linear(r"(?m)^- \[(\d{1,4})\] `([^`\n]+):(\d{1,7})-(\d{1,7})` \((.+)\)$")


class Message(BaseModel):
    """One message: its text, or a list of parts."""

    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The text of all parts, joined."""
        if isinstance(self.content, list):
            return "\n".join(str(part.get("text", "")) for part in self.content if part.get("type") in TEXTS)
        return self.content or ""

    @property
    def other_parts(self) -> list[str]:
        """The types of the parts that are not text: pictures, sound, files."""
        if not isinstance(self.content, list):
            return []
        return [str(part.get("type"))[:100] for part in self.content if part.get("type") not in TEXTS]


def conversation_of(messages: Sequence[Message], longest: int) -> tuple[list[Turn], str]:
    """Return the turns before the last user message, and the question in it. Raise QuestionError if there is none."""
    asked = [number for number, message in enumerate(messages) if message.role == "user" and message.text.strip()]
    if not asked:
        raise QuestionError("the conversation contains no user message", 'send one: {"role": "user", "content": "…"}')
    asked = asked[-1 - MOST_TURNS :]
    questions = [extract_question(messages[number].text.strip(), longest) for number in asked]
    answers = [
        "\n".join(each.text for each in messages[first:last] if each.role == "assistant")
        for first, last in pairwise(asked)
    ]
    return list(map(turn_of, questions, answers)), questions[-1]


def turn_of(question: str, content: str) -> Turn:
    """Return a turn whose answer ends with its sources; one of another assistant has none."""
    citations = [
        Citation(int(found[1]), found[5], found[2], int(found[3]), int(found[4]), "")
        for found in SOURCE.finditer(content)
    ]
    return Turn(question, SOURCE.sub("", content) if citations else content, citations)
