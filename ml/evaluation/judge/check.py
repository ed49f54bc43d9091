"""Check the judge on cases with known verdicts: right, wrong and absurd answers, in English and in Russian."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from ml.errors import JudgeError
from ml.evaluation.judge.base import Judge
from ml.evaluation.judge.deepeval_metrics import measure
from ml.evaluation.report import JudgeVerdict

KNOWN = Path(__file__).parents[1] / "data" / "judge_cases.json"
# A judge that always says yes gets half; one that tosses a coin gets 14 of 16 right once in 480 times.
LEAST_RIGHT = 0.85
GOOD = 0.5


@dataclass(frozen=True, slots=True)
class KnownCase:
    """An answer whose score in a metric is known: good (at least GOOD) or bad. `kind`: right, wrong or absurd."""

    metric: str
    kind: str
    good: bool
    question: str
    answer: str
    wanted: str
    contexts: tuple[str, ...]


def check_judge(
    judge: Judge, progress: Callable[[int, int], None] | None = None, cases: Sequence[KnownCase] | None = None
) -> JudgeVerdict:
    """Let a judge score cases with known verdicts, by default the bundled ones; it passes with LEAST_RIGHT of them.

    The check stops once the judge can't pass any more. A judge that is down or returns nonsense does not pass either,
    and the reason says so. No error is raised.
    """
    cases = known_cases() if cases is None else cases
    allowed = int(len(cases) * (1 - LEAST_RIGHT))
    wrong: list[str] = []
    for done, case in enumerate(cases, start=1):
        try:
            score = measure(case.metric, judge, case.question, case.answer, case.wanted, list(case.contexts))
        except JudgeError as error:
            wrong.append(error.cause)
        else:
            if (score >= GOOD) != case.good:
                wrong.append(f"a {case.kind} answer got {score:.2f} for {case.metric}: {case.answer[:60]!r}")
        if progress:
            progress(done, len(cases))
        if len(wrong) > allowed:
            reason = f"{len(wrong)} of {done} verdicts wrong, {allowed} of {len(cases)} may be; the last: {wrong[-1]}"
            return JudgeVerdict(judge.name, passed=False, reason=reason)
    return JudgeVerdict(judge.name, passed=True, reason=f"{len(cases) - len(wrong)} of {len(cases)} verdicts right")


@cache
def known_cases() -> tuple[KnownCase, ...]:
    """Return the bundled, handwritten cases."""
    entries: list[dict[str, Any]] = json.loads(KNOWN.read_text(encoding="utf-8"))
    return tuple(KnownCase(**entry | {"contexts": tuple(entry["contexts"])}) for entry in entries)
