"""Gather the evidence for a question in fixed steps, and judge whether it answers.

    search whole, and in parts  ->  whole symbols  ->  do the names exist?  ->  is it enough?

What belongs to the subject is added once the subject is known (`rag_service.answer.gather.widen`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from rag_service.answer.code.stored import StoredLines
from rag_service.answer.code.symbols import whole_symbols
from rag_service.answer.gather.names import Missing, asked_names, is_about, missing_names
from rag_service.answer.gather.parts import question_parts
from rag_service.answer.gather.premise import FalsePremise, false_premises
from rag_service.answer.question import Asked
from rag_service.retrieve import THRESHOLD, Hit, Retriever
from rag_service.retrieve.question import Question

PART_HITS = 2


class Verdict(Enum):
    """What the evidence allows to say."""

    ANSWERED = "answered"
    PARTLY = "partly"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Gathered:
    """The evidence, best first, each hit with its whole symbol, and what the code lacks of the question.

    `is_about_missing` means that nothing which the question names is there.
    """

    hits: Sequence[Hit]
    verdict: Verdict
    missing: Sequence[Missing] = ()
    premises: Sequence[FalsePremise] = ()
    is_about_missing: bool = False

    @property
    def found(self) -> bool:
        """Whether what the question is about is in the index; what is only nearest to it is not."""
        return self.verdict is not Verdict.NOTHING and not self.is_about_missing


def gather(asked: Asked, question: Question, retriever: Retriever, lines: StoredLines, limit: int) -> Gathered:
    """Return the evidence for a question, at most `limit` hits and PART_HITS more for each of its parts."""
    hits = retriever.search(question, where=asked.where, limit=limit)
    confidence = retriever.confidence(question, hits)
    names = asked_names(asked.text)
    missing = missing_names(names, retriever, asked.where)
    is_about_missing = is_about(missing, names)
    if confidence < THRESHOLD:
        return Gathered(hits, Verdict.NOTHING, missing, is_about_missing=is_about_missing)
    further = _by_parts(asked, retriever) if not missing else []
    premises = false_premises(asked.text, names, retriever, lines, asked.where) if not missing else []
    verdict = Verdict.PARTLY if missing or premises else Verdict.ANSWERED
    return Gathered(whole_symbols([*hits, *further], lines), verdict, missing, premises, is_about_missing)


def _by_parts(asked: Asked, retriever: Retriever) -> list[Hit]:
    """Return the best hits of each part of the question."""
    parts = question_parts(asked.text, retriever.understand)
    found = [retriever.search(part, where=asked.where, limit=PART_HITS) for part in parts]
    return [hit for group in found for hit in group]
