"""What a chat request asks: the question in its last user message, and what an earlier one adds to it."""

import re
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from ml.errors import QuestionError
from rag_service.answer.segments import segments

USER_QUERY = re.compile(r"<user_query>\s*(.*?)\s*</user_query>", re.DOTALL)
SHORT = 6
POINTS_BACK = re.compile(
    r"^(and|but|so|why|а|и|но|почему|зачем)\b|\b(it|its|they|them|their|он|она|оно|они|его|её|ее|ему|ей|их|им)\b", re.I
)


class Message(BaseModel):
    """One message; of its parts only the text counts."""

    role: str
    content: str | list[dict[str, Any]] | None = None

    @property
    def text(self) -> str:
        """The text, its parts joined."""
        if isinstance(self.content, list):
            return "\n".join(str(part.get("text", "")) for part in self.content if part.get("type") == "text")
        return self.content or ""


class StreamOptions(BaseModel):
    """What a stream tells beside the text."""

    include_usage: bool | None = None


class ChatRequest(BaseModel):
    """A request in OpenAI's form. Parameters that are not named here are passed over."""

    model: str = Field("codeintel", description='"codeintel", or "codeintel:REPO" for one repository alone')
    messages: list[Message] = Field(min_length=1)
    stream: bool | None = None
    stream_options: StreamOptions | None = None


def question_of(messages: Sequence[Message], longest: int) -> str:
    """Gives the question that a conversation ends with. Raises QuestionError where no user said anything.

    A short one that points back ("why?", "and where is it called?") is read together with the question before.
    """
    asked = [text for message in messages if message.role == "user" and (text := message.text.strip())]
    if not asked:
        raise QuestionError("the conversation holds no user message", 'send one: {"role": "user", "content": "…"}')
    last = _asked(asked[-1], longest)
    if len(asked) > 1 and len(last.split()) <= SHORT and POINTS_BACK.search(last):
        both = f"{_asked(asked[-2], longest)} {last}"
        return both if len(both) <= longest else last
    return last


def _asked(text: str, longest: int) -> str:
    """Gives the question in a message: what a front end marks as such; of a long one, what is no pasted code."""
    marked = USER_QUERY.search(text)
    text = marked[1] if marked else text
    if len(text) <= longest:
        return text
    return "".join(part.text for part in segments(iter([text])) if not part.is_code).strip() or text
