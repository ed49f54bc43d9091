"""What happens while a question is answered, in the order in which a caller sees it.

    Evidence  ->  Text*  (and Notice, at any place)  ->  Answer

The text of all Text events, joined, is `Answer.answer`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ml.index.chunk import Chunk


@dataclass(frozen=True, slots=True)
class Source:
    """A numbered piece of evidence, as the text's `[n]` names it."""

    n: int
    chunk: Chunk
    score: float


@dataclass(frozen=True, slots=True)
class Citation:
    """A resolved `[n]`: the lines it stands for and the text of those lines, word for word."""

    n: int
    repo: str
    file_path: str
    line_start: int
    line_end: int
    quote: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was found, before a word is written. Empty when it is too weak to answer from."""

    sources: Sequence[Source]


@dataclass(frozen=True, slots=True)
class Text:
    """The next part of the answer (Markdown), its citations already checked."""

    text: str


@dataclass(frozen=True, slots=True)
class Notice:
    """A line for the reader that is not part of the answer; `about` says what failed: model, adapter or audit record."""

    text: str
    about: Literal["model", "adapter", "record"] = "model"


@dataclass(frozen=True, slots=True)
class Answer:
    """The whole answer. `found` is False where the evidence was too weak.

    `id` is what feedback refers to. `model` names what wrote it ("evidence" where no LLM did), `timings` are seconds by
    stage, `tokens` what the LLM read ("prompt") and wrote ("completion"), `dropped` counts citations, places and
    quotations of an LLM that did not hold. `withheld` is what an LLM wrote that cites nothing: shown to nobody.
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
    withheld: str = ""


Event = Evidence | Text | Notice | Answer
