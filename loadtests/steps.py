"""The steps of a load on a model that scales: each is measured from the moment that its pods are ready."""

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Step:
    """A step that is over, in seconds since the start: it was held from `settled` on, when its pods were ready."""

    users: int
    began: float
    settled: float
    ended: float


@dataclass
class Staircase:
    """Steps of so many users, each held for `hold` seconds once its pods are ready, or `patience` seconds are over.

    The first step waits for one pod and the highest for `wanted`, because a model may take minutes to start; the others
    need no more pods than there are.
    """

    users: Sequence[int]
    wanted: int
    hold: float
    patience: float
    done: list[Step] = field(default_factory=list)
    _began: float = 0.0
    _settled: float | None = None

    def climb(self, now: float, ready: float) -> int | None:
        """Return the number of users at this moment, with so many pods ready; None after the last step."""
        if len(self.done) == len(self.users):
            return None
        if self._settled is None and (ready >= self._needed() or now - self._began >= self.patience):
            self._settled = now
        if self._settled is not None and now - self._settled >= self.hold:
            self.done.append(Step(self.users[len(self.done)], self._began, self._settled, now))
            self._began, self._settled = now, None
            return self.climb(now, ready)
        return self.users[len(self.done)]

    def _needed(self) -> int:
        if len(self.done) == self.users.index(max(self.users)):
            return self.wanted
        return 0 if self.done else 1
