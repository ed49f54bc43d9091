"""Extract the question of a chat request: its last user message, with context from an earlier one."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from ml.errors import QuestionError
from ml.patterns import linear

USER_QUERY = ("<user_query>", "</user_query>")
FENCE = re.compile(r"[ \t]*(`{3,}|~{3,})")
SHORT = 6
# Only matched against the last few words of a question.
POINTS_BACK = linear(
    r"(?i)^(?:and|but|so|why|а|и|но|почему|зачем)(?:$|[^\pL\pN_])"
    r"|(?:^|[^\pL\pN_])(?:it|its|they|them|their|он|она|оно|они|его|её|ее|ему|ей|их|им)(?:$|[^\pL\pN_])"
)
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


def question_of(messages: Sequence[Message], longest: int) -> str:
    """Return the question at the end of a conversation. Raise QuestionError if there is no user message.

    A short follow-up ("why?", "and where is it called?") is combined with the previous question.
    """
    asked = [text for message in messages if message.role == "user" and (text := message.text.strip())]
    if not asked:
        raise QuestionError("the conversation contains no user message", 'send one: {"role": "user", "content": "…"}')
    last = _extract_question(asked[-1], longest)
    if len(asked) > 1 and len(last.split()) <= SHORT and POINTS_BACK.search(last):
        both = f"{_extract_question(asked[-2], longest)} {last}"
        return both if len(both) <= longest else last
    return last


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
