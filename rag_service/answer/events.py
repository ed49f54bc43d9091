"""The events of answering a question, in the order in which a caller receives them.

    Evidence  ->  Text*  (and Notice, at any point)  ->  Answer

The text of all Text events, joined, is `Answer.answer`, and ends with the explanation, if there is one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ml.index.chunk import Chunk
from rag_service.answer.scope import Scope


@dataclass(frozen=True, slots=True)
class Source:
    """A numbered piece of evidence, referred to by `[n]` in the text."""

    n: int
    chunk: Chunk
    score: float


@dataclass(frozen=True, slots=True)
class Citation:
    """A resolved `[n]`: the cited lines and their exact text."""

    n: int
    repo: str
    file_path: str
    line_start: int
    line_end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """The retrieved evidence, before any text; empty if it is too weak to show even what is nearest."""

    sources: Sequence[Source]


@dataclass(frozen=True, slots=True)
class Text:
    """The next part of the answer (Markdown), with verified citations.

    An "explanation" is written about the part before it, after which it arrives; a page can show it above.
    """

    text: str
    part: Literal["answer", "explanation"] = "answer"


@dataclass(frozen=True, slots=True)
class Notice:
    """A line for the reader that is not part of the answer; `about` says what failed: model, adapter or audit record."""

    text: str
    about: Literal["model", "adapter", "record"] = "model"


@dataclass(frozen=True, slots=True)
class Answer:
    """The complete answer. `found` is False if the evidence was too weak, or if nothing that the question names exists.

    Feedback refers to `id`. `model` names the LLM that wrote it ("evidence" if none did), `timings` are seconds by
    stage, `tokens` are what the LLM read ("prompt") and wrote ("completion"), `dropped` counts invalid citations,
    locations and quotations of an LLM, and its sentences that no lines bear. `explanation` is the end of the answer, if an LLM
    wrote about what stands before it. `withheld` is LLM text of which nothing is borne, never shown to a reader. `scope` says what
    was searched, `chat` is the kept chat that it belongs to.
    """

    id: str
    question: str
    answer: str
    citations: Sequence[Citation]
    model: str
    timings: Mapping[str, float]
    found: bool = True
    dropped: int = 0
    notices: Sequence[str] = field(default_factory=tuple)
    tokens: Mapping[str, int] = field(default_factory=dict)
    explanation: str = ""
    withheld: str = ""
    scope: Scope = field(default_factory=Scope)
    chat: str = ""


Event = Evidence | Text | Notice | Answer


def last_answer(events: Iterable[Event]) -> Answer:
    """Consume the events of a question and return its answer."""
    *_, answer = events
    return answer  # type: ignore[return-value]  # the contract of Event: the last one is an Answer
