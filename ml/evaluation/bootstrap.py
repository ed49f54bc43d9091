"""Bootstrap intervals of means, and of the difference between two models over the same cases."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SAMPLES = 10_000
ONE_SIDED = 0.025  # the tail of a two-sided 95 % interval


@dataclass(frozen=True, slots=True)
class Difference:
    """A difference of means with its 95 % interval; `p` is the probability of one as large by chance, if known."""

    mean: float
    low: float
    high: float
    p: float | None = None

    @property
    def is_better(self) -> bool:
        """Whether it is significantly above zero."""
        return self.low > 0 and (self.p is None or self.p <= ONE_SIDED)

    def __str__(self) -> str:
        """Show the mean and its interval, signed."""
        return f"{self.mean:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


def interval(scores: Sequence[float], samples: int = SAMPLES) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the scores' mean (Efron 1979), with a fixed seed."""
    drawn = np.random.default_rng(0).choice(np.asarray(scores), (samples, len(scores))).mean(axis=1)
    low, high = np.quantile(drawn, (0.025, 0.975))
    return float(low), float(high)


def paired_difference(ours: Sequence[float], theirs: Sequence[float]) -> Difference:
    """Return the mean of ours - theirs over the same cases, in the same order.

    The interval is bootstrapped over cases; `p` is that of a one-sided sign-flip test, needed because the interval is
    too narrow if few cases differ. Efron and Tibshirani 1993, chapters 13 and 15.
    """
    gains = np.asarray(ours, dtype=float) - np.asarray(theirs, dtype=float)
    low, high = interval([float(gain) for gain in gains])
    return Difference(float(gains.mean()), low, high, _sign_flip(gains))


def _sign_flip(gains: NDArray[np.float64]) -> float:
    signs = np.random.default_rng(0).choice((-1.0, 1.0), (SAMPLES, len(gains)))
    as_large = (signs @ gains >= gains.sum() - 1e-12).sum()
    return float((1 + as_large) / (1 + SAMPLES))
