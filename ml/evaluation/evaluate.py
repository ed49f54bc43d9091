"""Evaluation: ask every held-out question, score every answer, and summarise with intervals."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import fmean

from ml.errors import EvaluationError
from ml.evaluation.answers import citation_precision, citation_recall, overlap
from ml.evaluation.bootstrap import interval
from ml.evaluation.case import Ask, Reply, Write, Written
from ml.evaluation.judge import Judge, Jury, check_judge
from ml.evaluation.report import (
    ABOUT,
    CITATION_PRECISION,
    CITATION_RECALL,
    JUDGED,
    MRR,
    NDCG,
    RECALL,
    REFERENCE_OVERLAP,
    REFUSAL_ACCURACY,
    SUPPORTED,
    Case,
    JudgeVerdict,
    Metric,
    Report,
)
from ml.evaluation.retrieval import DEPTH, Place, Target, ndcg, recall, reciprocal_rank
from ml.training.examples import Example

Progress = Callable[[str, int, int], None]
"""Receives the stage ("judge" while the judge itself is checked, then "ask"), the number of steps done, and the total."""

ABSENT = Path(__file__).parent / "data" / "absent.json"


def evaluate(
    examples: Sequence[Example],
    ask: Ask,
    *,
    model: str,
    write: Write | None = None,
    judge: Judge | None = None,
    verdict: JudgeVerdict | None = None,
    absent: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> Report:
    """Ask every example's question, and `absent` ones that nothing answers, and score the replies.

    If `absent` is None, the bundled questions are asked, unless the examples include absent ones. `write` returns what
    the LLM alone writes about an example's own evidence: faithfulness and relevancy are then judged on that, which is
    all that an adapter changes, and otherwise on the replies of `ask`. Pass `verdict` to skip the check of a judge
    already checked. Raise EvaluationError if there is nothing to ask, and what `ask` and `write` raise.
    """
    if not examples:
        raise EvaluationError("there are no held-out examples", "make them with `codeintel dataset`")
    if absent is None:
        absent = () if any(example.absent for example in examples) else absent_questions()
    report = progress or (lambda stage, done, total: None)
    if judge and verdict is None:
        verdict = check_judge(judge, lambda done, total: report("judge", done, total))
    jury = Jury(judge, verdict) if judge and verdict and verdict.passed else None
    total = len(examples) + len(absent)
    cases: list[Case] = []
    for case in _cases(examples, absent, ask, write, jury):
        cases.append(case)
        report("ask", len(cases), total)
    verdict = jury.verdict() if jury else verdict
    return Report(model, cases_digest(examples, absent), tuple(_metrics(cases)), verdict, tuple(cases))


@cache
def absent_questions() -> tuple[str, ...]:
    """Return the bundled questions that hardly any code answers, so that the service should refuse them."""
    return tuple(json.loads(ABSENT.read_text(encoding="utf-8")))


def cases_digest(examples: Iterable[Example], absent: Iterable[str]) -> str:
    """Return the SHA-256 of the questions, in any order: reports with the same digest cover the same cases."""
    total = hashlib.sha256()
    for line in sorted([*map(_identity, examples), *absent]):
        total.update(hashlib.sha256(line.encode()).digest())
    return total.hexdigest()


def _identity(example: Example) -> str:
    return example.model_dump_json(exclude_defaults=True)


def _cases(
    examples: Sequence[Example], absent: Sequence[str], ask: Ask, write: Write | None, jury: Jury | None
) -> Iterator[Case]:
    for example in examples:
        reply = ask(example.question)
        if example.absent:
            yield _case(_identity(example), example.question, reply, {REFUSAL_ACCURACY: float(not reply.found)})
            continue
        alone = write(example) if write and example.learn else None
        written = alone or reply.written
        scores = _scores(example, reply, written)
        if jury:
            scores |= jury.scores(example, reply, alone, whole=write is None)
        yield _case(_identity(example), example.question, reply, scores, example, written)
    for question in absent:
        reply = ask(question)
        yield _case(question, question, reply, {REFUSAL_ACCURACY: float(not reply.found)})


def _scores(example: Example, reply: Reply, written: Written | None) -> dict[str, float]:
    scores = {REFUSAL_ACCURACY: float(reply.found)}
    precision = citation_precision(reply)
    if precision is not None:
        scores[CITATION_PRECISION] = precision
    if written:
        scores[SUPPORTED] = float(written.supported)
        scores[REFERENCE_OVERLAP] = overlap(written.text, example.answer, example.question)
    if example.file_path:
        target = _target(example)
        places = reply.places[:DEPTH]
        scores[CITATION_RECALL] = citation_recall(reply, target)
        scores[RECALL] = recall(places, [target])
        scores[MRR] = reciprocal_rank(places, [target])
        scores[NDCG] = ndcg(places, [target])
    return scores


def _target(example: Example) -> Target:
    start, end = example.line_start or None, example.line_end or None
    return Target(example.file_path, start, end, example.repo)


def _case(
    identity: str,
    question: str,
    reply: Reply,
    scores: Mapping[str, float],
    example: Example | None = None,
    written: Written | None = None,
) -> Case:
    return Case(
        id=hashlib.sha256(identity.encode()).hexdigest()[:16],
        question=question,
        scores=dict(scores),
        answer=reply.answer,
        wanted=example.answer if example else "",
        place=_shown(Place(example.file_path, example.line_start, example.line_end, example.repo))
        if example and example.file_path
        else "",
        cited=tuple(_shown(citation.place) for citation in reply.citations),
        written=written.text if written else "",
    )


def _shown(place: Place) -> str:
    lines = f"{place.line_start}-{place.line_end}" if place.line_end > place.line_start else f"{place.line_start}"
    return f"{place.repo}:{place.path}:{lines}"


def _metrics(cases: Sequence[Case]) -> Iterator[Metric]:
    for name in ABOUT:
        scores = [case.scores[name] for case in cases if name in case.scores]
        if scores:
            mean = fmean(scores)
            low, high = interval(scores)
            yield Metric(name, mean, min(low, mean), max(high, mean), len(scores), judged=name in JUDGED)
