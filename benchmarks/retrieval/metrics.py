"""NDCG@10, its bootstrap interval, and quantiles."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import log2

import numpy as np

DEPTH = 10


@dataclass(frozen=True, slots=True)
class Target:
    """A place that answers a question: a file, or lines of it (1-based, inclusive)."""

    path: str
    line_start: int | None = None
    line_end: int | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A returned chunk."""

    path: str
    line_start: int
    line_end: int

    def covers(self, target: Target) -> bool:
        """Says whether this chunk lies in the target's file and, where the target has lines, shares one with it.

        Paths agree when one ends with the other at a slash, because some labels are relative to the indexed folder.
        """
        ours, theirs = f"/{self.path}", f"/{target.path}"
        if not (ours.endswith(theirs) or theirs.endswith(ours)):
            return False
        return (
            target.line_start is None
            or target.line_end is None
            or (self.line_start <= target.line_end and self.line_end >= target.line_start)
        )


def ndcg(places: Sequence[Place], targets: Sequence[Target]) -> float:
    """Gives binary NDCG@10: a target counts at the first of the places that covers it."""
    first = [
        next((rank for rank, place in enumerate(places[:DEPTH]) if place.covers(target)), None) for target in targets
    ]
    gained = sum(1 / log2(rank + 2) for rank in first if rank is not None)
    return gained / sum(1 / log2(rank + 2) for rank in range(min(len(targets), DEPTH)))


def interval(scores: Sequence[float], samples: int = 10_000) -> tuple[float, float]:
    """Gives the 95 % percentile bootstrap interval of the scores' mean (Efron 1979), the same one each time."""
    drawn = np.random.default_rng(0).choice(np.asarray(scores), (samples, len(scores))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)
