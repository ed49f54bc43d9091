"""Score an evaluation's cases by a judge, and disqualify one that fails too often."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ml.errors import JudgeError
from ml.evaluation.case import Reply, Written
from ml.evaluation.judge.base import Judge
from ml.evaluation.judge.deepeval_metrics import measure
from ml.evaluation.report import (
    ANSWER_RELEVANCY,
    CONTEXTUAL_PRECISION,
    CONTEXTUAL_RECALL,
    FAITHFULNESS,
    JudgeVerdict,
)
from ml.training.examples import Example

LONGEST_CONTEXT = 2_000  # characters of each piece of evidence that the judge reads
MOST_CONTEXTS = 5
LONGEST_ANSWER = 3_000
FAILURES_IN_A_ROW = 3
MOST_FAILED = 0.2


class Jury:
    """Scores cases by a judge that passed its check. A judge that fails too often is disqualified; see `verdict`."""

    def __init__(self, judge: Judge, verdict: JudgeVerdict) -> None:
        self._judge = judge
        self._verdict = verdict
        self._asked = 0
        self._failed = 0
        self._in_a_row = 0
        self._last = ""

    def scores(self, example: Example, reply: Reply, alone: Written | None, *, whole: bool) -> dict[str, float]:
        """Return the judged scores of a case; a metric that the judge failed on is left out, and counted.

        Faithfulness and relevancy are judged on what the LLM wrote `alone` about the example's evidence or, if answers are
        judged `whole`, on the reply.
        """
        return dict(self._scores(example, reply, alone, whole))

    def verdict(self) -> JudgeVerdict:
        """Return the judge's current verdict: it no longer passes once too many of its judgements failed."""
        if self._is_away() or self._failed > MOST_FAILED * self._asked:
            reason = f"it failed on {self._failed} of {self._asked} judgements; the last: {self._last}"
            return replace(self._verdict, passed=False, reason=reason)
        return self._verdict

    def _is_away(self) -> bool:
        return self._in_a_row >= FAILURES_IN_A_ROW

    def _scores(
        self, example: Example, reply: Reply, alone: Written | None, whole: bool
    ) -> Iterator[tuple[str, float]]:
        if alone:
            yield from self._answer_scores(example, alone.text, [example.context])
        elif whole and reply.found:
            yield from self._answer_scores(example, reply.answer, reply.contexts)
        if reply.found and reply.contexts:
            for name in (CONTEXTUAL_PRECISION, CONTEXTUAL_RECALL):
                yield from self._score(name, example, reply.answer, reply.contexts)

    def _answer_scores(self, example: Example, answer: str, contexts: Sequence[str]) -> Iterator[tuple[str, float]]:
        for name in (FAITHFULNESS, ANSWER_RELEVANCY):
            # DeepEval gives full marks to an answer without claims, but an empty one answers nothing.
            yield from self._score(name, example, answer, contexts) if answer.strip() else [(name, 0.0)]

    def _score(self, name: str, example: Example, answer: str, contexts: Sequence[str]) -> Iterator[tuple[str, float]]:
        if self._is_away():
            return
        read = [context[:LONGEST_CONTEXT] for context in contexts[:MOST_CONTEXTS]]
        self._asked += 1
        try:
            score = measure(name, self._judge, example.question, answer[:LONGEST_ANSWER], example.answer, read)
        except JudgeError as error:
            self._failed += 1
            self._in_a_row += 1
            self._last = error.cause
        else:
            self._in_a_row = 0
            yield name, score
