"""Drift: whether users' questions still resemble the evaluated ones, and how the answers fare.

Two populations of questions differ if their vectors do. The test is maximum mean discrepancy with a Gaussian kernel as
wide as the median distance, its p by permutation: Gretton et al. 2012, https://jmlr.org/papers/v13/gretton12a.html. With
many questions it detects differences too small to matter, so drift is reported only if many are new as well: farther
from every evaluated question than the NEW_QUANTILE of the distances among these. Many questions about the same evaluated
subject are not drift.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEAST_QUESTIONS = 30
MOST_QUESTIONS = 500  # the newest; the test's time is quadratic in them
PERMUTATIONS = 1_000
P_LIMIT = 0.01
NEW_QUANTILE = 0.05
NEW_LIMIT = 0.20  # four times the share of new questions without drift
SHOWN = 10

Rows = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Population:
    """The difference of users' questions from the evaluated ones: the discrepancy, its p, and the share of new ones."""

    discrepancy: float
    p: float
    new_share: float
    newest: tuple[int, ...] = ()

    @property
    def drifted(self) -> bool:
        """Whether the difference is significant (P_LIMIT) and large (NEW_LIMIT)."""
        return self.p <= P_LIMIT and self.new_share >= NEW_LIMIT


@dataclass(frozen=True, slots=True)
class Period:
    """The number of answers in the week from Monday `start`: all, refused, rated, and rated down."""

    start: str
    answers: int = 0
    refused: int = 0
    rated: int = 0
    down: int = 0


def population_drift(evaluated: Rows, asked: Rows) -> Population:
    """Compare vectors of questions, shapes (n, dimension) and (m, dimension), rows of length 1.

    `newest` are the rows of `asked` farthest from all evaluated ones, farthest first.
    """
    discrepancy, p = _discrepancy(evaluated, asked)
    nearest = (asked @ evaluated.T).max(axis=1)
    among = evaluated @ evaluated.T
    np.fill_diagonal(among, -1.0)
    new = nearest < np.quantile(among.max(axis=1), NEW_QUANTILE)
    order = [int(row) for row in np.argsort(nearest) if new[row]]
    return Population(discrepancy, p, float(new.mean()), tuple(order[:SHOWN]))


def _discrepancy(evaluated: Rows, asked: Rows) -> tuple[float, float]:
    rows = np.vstack((evaluated, asked)).astype(np.float64)
    squares = np.maximum(2 - 2 * rows @ rows.T, 0.0)
    width = float(np.median(squares[np.triu_indices(len(rows), 1)])) or 1.0
    kernel = np.exp(-squares / width)
    weights = np.concatenate((np.full(len(evaluated), 1 / len(evaluated)), np.full(len(asked), -1 / len(asked))))
    shuffled = np.random.default_rng(0).permuted(np.tile(weights, (PERMUTATIONS, 1)), axis=1)
    found = float(weights @ kernel @ weights)
    by_chance = np.einsum("ij,ij->i", shuffled @ kernel, shuffled)
    return found, float((1 + (by_chance >= found - 1e-12).sum()) / (1 + PERMUTATIONS))


def periods(answers: Iterable[Mapping[str, Any]], feedback: Iterable[Mapping[str, Any]]) -> list[Period]:
    """Count answers and verdicts by week of the answer, oldest first; the last verdict on an answer counts.

    `answers` are lines of the audit log (`time`, `id`, `found`), `feedback` those of the feedback (`id`, `verdict`).
    """
    verdicts = {str(line.get("id")): line.get("verdict") for line in feedback}
    counts: dict[str, list[int]] = {}
    for line in answers:
        week = counts.setdefault(_monday(str(line["time"])), [0, 0, 0, 0])
        verdict = verdicts.get(str(line.get("id")))
        for at, holds in enumerate((True, not line.get("found", True), verdict is not None, verdict == "down")):
            week[at] += holds
    return [Period(start, *counts[start]) for start in sorted(counts)]


def _monday(time: str) -> str:
    day = datetime.fromisoformat(time).date()
    return (day - timedelta(days=day.weekday())).isoformat()


@dataclass(frozen=True, slots=True)
class Drift:
    """The result of `codeintel drift`. `population` is None if `too_few` says why there is no figure."""

    made: str
    asked: int
    evaluated: int
    population: Population | None
    too_few: str
    new: tuple[str, ...]
    periods: tuple[Period, ...]

    @property
    def refused_share(self) -> float | None:
        """The share of refusals among the answers, or None without answers."""
        answers = sum(period.answers for period in self.periods)
        return sum(period.refused for period in self.periods) / answers if answers else None

    @property
    def down_share(self) -> float | None:
        """The share of rated answers that were rated down, or None if none was rated."""
        rated = sum(period.rated for period in self.periods)
        return sum(period.down for period in self.periods) / rated if rated else None

    def as_dict(self) -> dict[str, Any]:
        """Return the result as JSON-ready data."""
        drifted = self.population.drifted if self.population else None
        shares = {"refused_share": self.refused_share, "down_share": self.down_share}
        return asdict(self) | {"drifted": drifted} | shares


def measure_drift(
    made: str,
    evaluated: Rows,
    asked: Rows,
    questions: Sequence[str],
    weeks: Sequence[Period],
) -> Drift:
    """Return the drift of `asked`, the vectors of `questions`, from `evaluated`; a figure takes 30 on each side."""
    too_few = "; ".join(
        f"{len(rows)} questions were {said}, a figure takes {LEAST_QUESTIONS}"
        for rows, said in ((asked, "asked"), (evaluated, "evaluated"))
        if len(rows) < LEAST_QUESTIONS
    )
    found = None if too_few else population_drift(evaluated, asked)
    new = tuple(questions[row] for row in found.newest) if found else ()
    return Drift(made, len(asked), len(evaluated), found, too_few, new, tuple(weeks))
