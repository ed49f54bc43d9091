"""Extract the question of a conversation: its last user message, with context from an earlier one."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel

from ml.errors import QuestionError
from ml.patterns import linear
from rag_service.http.routes.wrapped import extract_question

TEXTS = ("text", "input_text", "output_text", "refusal")
SHORT = 6
# Only matched against the last few words of a question.
POINTS_BACK = linear(
    r"(?i)^(?:and|but|so|why|а|и|но|почему|зачем)(?:$|[^\pL\pN_])"
    r"|(?:^|[^\pL\pN_])(?:it|its|they|them|their|он|она|оно|они|его|её|ее|ему|ей|их|им)(?:$|[^\pL\pN_])"
)


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


def question_of(messages: Sequence[Message], longest: int) -> str:
    """Return the question at the end of a conversation. Raise QuestionError if there is no user message.

    A short follow-up ("why?", "and where is it called?") is combined with the previous question.
    """
    asked = [text for message in messages if message.role == "user" and (text := message.text.strip())]
    if not asked:
        raise QuestionError("the conversation contains no user message", 'send one: {"role": "user", "content": "…"}')
    last = extract_question(asked[-1], longest)
    if len(asked) > 1 and len(last.split()) <= SHORT and POINTS_BACK.search(last):
        both = f"{extract_question(asked[-2], longest)} {last}"
        return both if len(both) <= longest else last
    return last
