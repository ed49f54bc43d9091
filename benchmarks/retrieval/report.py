"""Aggregate scores and print them."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median

from benchmarks.retrieval.measure import Answered
from ml.evaluation.bootstrap import interval


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table: mean NDCG@10 of some questions, its 95 % interval, the peer's, our median seconds."""

    group: str
    questions: int
    ndcg: float
    low: float
    high: float
    plain: float
    p50_seconds: float


def row(group: str, ours: Sequence[Answered], plain: Sequence[Answered]) -> Row:
    """Aggregate one group."""
    scores = [answered.score for answered in ours]
    low, high = interval(scores)
    seconds = median(answered.seconds for answered in ours)
    return Row(group, len(ours), fmean(scores), low, high, fmean(answered.score for answered in plain), seconds)


def by(key: Callable[[Answered], str], ours: Sequence[Answered], plain: Sequence[Answered]) -> list[Row]:
    """Aggregate the groups that `key` makes, sorted by name."""
    groups = sorted({key(answered) for answered in ours})
    return [row(group, [a for a in ours if key(a) == group], [a for a in plain if key(a) == group]) for group in groups]


def mean_of_repos(answered: Iterable[Answered]) -> float:
    """Return the macro average over repositories, so that none counts more for having more questions."""
    scores: dict[str, list[float]] = {}
    for each in answered:
        scores.setdefault(each.repo, []).append(each.score)
    return fmean(map(fmean, scores.values()))


def half(answered: Answered) -> str:
    """Name the half a question belongs to."""
    return "held out" if answered.ask.held_out else "dev"


def table(title: str, rows: Iterable[Row]) -> str:
    """Write rows as a Markdown table."""
    lines = [f"| {title} | questions | NDCG@10 | 95 % interval | plain BM25 | p50 ms |", "|---|--:|--:|--:|--:|--:|"]
    lines.extend(map(_line, rows))
    return "\n".join(lines)


def _line(row: Row) -> str:
    score = f"{row.ndcg:.3f} | {row.low:.3f}–{row.high:.3f} | {row.plain:.3f}"
    return f"| {row.group} | {row.questions} | {score} | {1e3 * row.p50_seconds:.1f} |"


def write_json(path: Path, sections: dict[str, object]) -> None:
    """Write all figures; rows become objects."""
    path.write_text(json.dumps(sections, indent=1, default=asdict), encoding="utf-8")
