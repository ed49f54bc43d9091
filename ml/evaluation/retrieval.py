"""Metrics of a ranking: Recall@k, reciprocal rank and NDCG of places against the places that answer a question."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

DEPTH = 10


@dataclass(frozen=True, slots=True)
class Target:
    """A place that answers a question: a file, or lines of it (1-based, inclusive), in any repository or a named one."""

    path: str
    line_start: int | None = None
    line_end: int | None = None
    repo: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Lines that were found or cited (1-based, inclusive)."""

    path: str
    line_start: int
    line_end: int
    repo: str = ""

    def covers(self, target: Target) -> bool:
        """Return whether this place is in the target's file and, if the target has lines, overlaps them.

        Paths match if one ends with the other at a slash, because some labels are relative to the indexed folder.
        """
        ours, theirs = f"/{self.path}", f"/{target.path}"
        if not (ours.endswith(theirs) or theirs.endswith(ours)):
            return False
        if self.repo and target.repo and self.repo != target.repo:
            return False
        return (
            target.line_start is None
            or target.line_end is None
            or (self.line_start <= target.line_end and self.line_end >= target.line_start)
        )


def ndcg(places: Sequence[Place], targets: Sequence[Target]) -> float:
    """Return binary NDCG@10: a target counts at the first of the places that covers it."""
    gained = sum(1 / log2(rank + 1) for rank in _ranks(places, targets, DEPTH) if rank)
    return gained / sum(1 / log2(rank + 2) for rank in range(min(len(targets), DEPTH)))


def recall(places: Sequence[Place], targets: Sequence[Target], k: int = DEPTH) -> float:
    """Return Recall@k: the share of the targets that one of the first k places covers."""
    return sum(rank > 0 for rank in _ranks(places, targets, k)) / len(targets)


def reciprocal_rank(places: Sequence[Place], targets: Sequence[Target]) -> float:
    """Return 1 / rank of the first of ten places that covers a target, or 0.0 if none does; the mean is MRR@10."""
    ranks = [rank for rank in _ranks(places, targets, DEPTH) if rank]
    return 1 / min(ranks) if ranks else 0.0


def _ranks(places: Sequence[Place], targets: Sequence[Target], k: int) -> list[int]:
    """Return the rank, from 1, of the first place that covers each target; 0 if none of the first k does."""
    return [
        next((rank for rank, place in enumerate(places[:k], start=1) if place.covers(target)), 0) for target in targets
    ]
