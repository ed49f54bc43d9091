"""What is known of one answer while it is made."""

import time
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

from rag_service.answer.cite import Citations
from rag_service.answer.compose import Asked
from rag_service.answer.events import Answer, Notice, Text

EVIDENCE = "evidence"


@dataclass
class Run:
    """The text, the notices and the times so far; `answer` makes the whole of them."""

    asked: Asked
    citations: Citations = field(default_factory=lambda: Citations([], lambda repo, file_path: {}))
    model: str = EVIDENCE
    found: bool = True
    unquoted: int = 0
    timings: dict[str, float] = field(
        default_factory=lambda: dict.fromkeys(("retrieve", "compose", "generate", "cite"), 0.0)
    )
    _id: str = field(default_factory=lambda: uuid4().hex)
    _parts: list[str] = field(default_factory=list)
    _notices: list[str] = field(default_factory=list)

    def say(self, text: str) -> Text:
        """Adds to the text and gives the event for it."""
        self._parts.append(text)
        return Text(text)

    def note(self, text: str, about: Literal["model", "record"] = "model") -> Notice:
        """Adds a notice and gives the event for it."""
        self._notices.append(text)
        return Notice(text, about)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Adds the time of a block to a stage."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.timings[stage] += time.perf_counter() - start

    def waited(self, stage: str, parts: Generator[str]) -> Iterator[str]:
        """Gives the parts of a stream, adding the time that each is waited for to a stage."""
        with closing(parts):
            while True:
                with self.timed(stage):
                    part = next(parts, None)
                if part is None:
                    return
                yield part

    def answer(self) -> Answer:
        """Gives the answer as it stands now."""
        return Answer(
            id=self._id,
            question=self.asked.text,
            answer="".join(self._parts),
            citations=self.citations.resolved(),
            model=self.model,
            timings=dict(self.timings),
            found=self.found,
            dropped=self.citations.dropped + self.unquoted,
            notices=tuple(self._notices),
        )
