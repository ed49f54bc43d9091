"""Confidence on questions with and without an answer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.retrieval.measure import Corpus
from benchmarks.retrieval.questions import Ask
from rag_service.retrieve import THRESHOLD


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, whether an answer exists, and the confidence in what was found."""

    ask: Ask
    present: bool
    confidence: float

    @property
    def wrong(self) -> bool:
        """Whether the threshold decides wrongly: a false refusal or a false answer."""
        return (self.confidence >= THRESHOLD) != self.present


@dataclass(frozen=True, slots=True)
class Verdict:
    """False refusals among questions that have an answer, or false answers among those that have none."""

    group: str
    questions: int
    wrong: int
    examples: tuple[str, ...]


def judge(corpus: Corpus, asks: Sequence[Ask], *, present: bool) -> list[Judged]:
    """Search for and judge each question."""
    retriever = corpus.retriever()
    return [Judged(ask, present, retriever.confidence(ask.query, retriever.search(ask.query))) for ask in asks]


def verdicts(judged: Sequence[Judged]) -> Iterator[Verdict]:
    """Count wrong decisions by kind and half."""
    for present, kind in ((True, "false refusals"), (False, "false answers")):
        for held_out, half in ((False, "dev"), (True, "held out")):
            group = [each for each in judged if each.present == present and each.ask.held_out == held_out]
            wrong = [each.ask.query for each in group if each.wrong]
            if group:
                yield Verdict(f"{kind}, {half}", len(group), len(wrong), tuple(wrong[:5]))
