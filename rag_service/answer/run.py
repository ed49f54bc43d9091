"""The state of one answer while it is written."""

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from typing import Literal
from uuid import uuid4

from rag_service.answer.asker import Asker
from rag_service.answer.conversation.turns import Turn
from rag_service.answer.events import Answer, Notice, Source, Text
from rag_service.answer.generated.cite import Citations
from rag_service.answer.question import Asked, Language
from rag_service.answer.scope import Scope
from rag_service.retrieve.question import Question

EVIDENCE = "evidence"


@dataclass
class Stage:
    """A stage of an answer: its duration in seconds, its start and end in nanoseconds since 1970."""

    seconds: float = 0.0
    began: int = 0
    ended: int = 0


@dataclass
class TokenUsage:
    """The tokens that an LLM read and wrote: an estimate until the LLM reports them."""

    prompt: int = 0
    completion: int = 0


@dataclass
class Run:
    """The text, notices and timings so far; `answer` builds an Answer from them."""

    asked: Asked
    asker: Asker = field(default_factory=Asker)
    history: Sequence[Turn] = ()
    language: Language | None = None  # to answer in, if not in the question's own
    understood: Question | None = None  # the parsed question, once it was searched for
    sources: Sequence[Source] = ()
    spent: TokenUsage = field(default_factory=TokenUsage)
    began: int = field(default_factory=time.time_ns)
    citations: Citations = field(default_factory=lambda: Citations([], lambda repo, file_path: {}))
    model: str = EVIDENCE
    found: bool = True
    unquoted: int = 0
    unborne: int = 0
    withheld: str = ""
    scope: Scope = field(default_factory=Scope)
    stages: dict[str, Stage] = field(
        default_factory=lambda: {name: Stage() for name in ("retrieve", "compose", "generate", "cite")}
    )
    id: str = field(default_factory=lambda: uuid4().hex)
    _parts: list[str] = field(default_factory=list)
    _explanation: list[str] = field(default_factory=list)
    _notices: list[str] = field(default_factory=list)

    def say(self, text: str) -> Text:
        """Add to the text and return its event."""
        self._parts.append(text)
        return Text(text)

    def explain(self, text: str) -> Text:
        """Add to the explanation, after which nothing else is said, and return its event."""
        self._explanation.append(text)
        return Text(text, "explanation")

    @property
    def seconds(self) -> float:
        """The seconds since the question was asked."""
        return (time.time_ns() - self.began) / 1e9

    def note(self, text: str, about: Literal["model", "adapter", "record"] = "model") -> Notice:
        """Add a notice and return its event."""
        self._notices.append(text)
        return Notice(text, about)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the duration of a block to a stage."""
        timed, start = self.stages[stage], time.perf_counter()
        timed.began = timed.began or time.time_ns()
        try:
            yield
        finally:
            timed.seconds += time.perf_counter() - start
            timed.ended = time.time_ns()

    def waited(self, stage: str, parts: Generator[str]) -> Iterator[str]:
        """Yield the parts of a stream, adding the time spent waiting for each to a stage."""
        with closing(parts):
            while True:
                with self.timed(stage):
                    part = next(parts, None)
                if part is None:
                    return
                yield part

    def answer(self) -> Answer:
        """Return the answer in its current state."""
        return Answer(
            id=self.id,
            question=self.asked.text,
            answer="".join([*self._parts, *self._explanation]),
            citations=self.citations.resolve(),
            model=self.model,
            timings={name: stage.seconds for name, stage in self.stages.items()},
            found=self.found,
            dropped=self.citations.dropped + self.unquoted + self.unborne,
            notices=tuple(self._notices),
            tokens=asdict(self.spent),
            explanation="".join(self._explanation),
            withheld=self.withheld,
            scope=self.scope,
        )
