"""A draft of a pair: the question, the sentence that answers it, and the lines that support it."""

import hashlib
from dataclasses import dataclass
from typing import Literal, Protocol

from ml.index.chunk import Chunk

Language = Literal["en", "ru"]


@dataclass(frozen=True, slots=True)
class Draft:
    """A question about lines of a chunk; `sentence` has neither citation mark nor full stop.

    `lines` are the first and the last line of the link. `asks_about_it` is true if the question is about the chunk's own
    symbol, so that the service would look at this chunk to answer it.
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
        """Repository and path, by which a data set is split."""
        return self.chunk.repo, self.chunk.file_path


@dataclass(frozen=True, slots=True)
class Framed:
    """A draft as the service would put it to its LLM: the evidence, and the citation mark of the lines in it, as `[1]`.

    `learn` is true if the service would ask its LLM this and the cited lines support the sentence; `shown`, if the
    sentence adds something to the rest of the answer, so that the service would show it.
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
        """Frame a draft with evidence from its own side; return None if that does not include its lines."""
        ...

    def refusal(self, question: str) -> tuple[str, str]:
        """Return the nearest evidence for a question about something absent, and the text of a refusal."""
        ...


class Side(Protocol):
    """A predicate for the files on one side of the split."""

    def __call__(self, repo: str, file_path: str) -> bool:
        """Return whether a file is on this side."""
        ...


def chance(seed: int, *parts: object) -> int:
    """Return a pseudo-random number derived from the seed and the parts, the same on every machine and in every run."""
    text = "\0".join(map(str, (seed, *parts)))
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big")
