"""A pair in the making: the question, the sentence that answers it, and the lines that bear it."""

import hashlib
from dataclasses import dataclass
from typing import Literal, Protocol

from ml.index.chunk import Chunk

Language = Literal["en", "ru"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A question about lines of a chunk; `sentence` has neither mark nor full stop.

    `lines` are the first and the last one of the link. `asks_about_it` says that the question is about the chunk's own
    symbol, so that the service, asked this, would look at this chunk.
    """

    origin: str
    language: Language
    question: str
    sentence: str
    chunk: Chunk
    lines: tuple[int, int]
    asks_about_it: bool = True

    @property
    def file(self) -> tuple[str, str]:
        """Repository and path: what a data set is split by."""
        return self.chunk.repo, self.chunk.file_path


@dataclass(frozen=True, slots=True)
class Framed:
    """A draft as the service would put it to its LLM: the evidence, and the mark of the lines in it, as `[1]`.

    `learn` says that the service would ask its LLM this and that the cited lines bear the sentence; `shown` that the
    sentence says something that the rest of the answer does not, so that the service would show it.
    """

    context: str
    mark: str
    learn: bool
    shown: bool


class Form(Protocol):
    """How the service asks the LLM that the pairs are for (rag_service.answer.generated.teaching)."""

    @property
    def name(self) -> str:
        """The form's name, for the card."""
        ...

    def frame(self, draft: Draft, side: "Side") -> Framed | None:
        """Frame a draft, with evidence from files of its own side alone; None where its lines are not in it."""
        ...

    def refusal(self, question: str) -> tuple[str, str]:
        """Return the nearest evidence there is for a question about something absent, and the words of a refusal."""
        ...


class Side(Protocol):
    """Says which files lie on one side of the split."""

    def __call__(self, repo: str, file_path: str) -> bool:
        """Return whether a file does."""
        ...


def chance(seed: int, *parts: object) -> int:
    """Return a number that depends on the seed and the parts alone: the same on every machine and in every run."""
    text = "\0".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big")
