"""Checks after a load test, over series of (seconds since its start, value)."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from loadtests.steps import Step

Series = Sequence[tuple[float, float]]

WARM = 0.25  # share of the time in which caches fill
MOST_GROWTH = 0.05  # allowed growth of memory over the rest: above an allocator's noise
MOST_FILES = 5


@dataclass(frozen=True, slots=True)
class Check:
    """A requirement, and what was observed."""

    name: str
    held: bool
    seen: str

    def __str__(self) -> str:
        return f"{'held  ' if self.held else 'FAILED'}  {self.name}: {self.seen}"


def quantile(values: Sequence[float], share: float) -> float:
    """Return the value that this share of the values does not exceed (nearest rank)."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def flat(memory: list[tuple[float, float]], files: list[tuple[float, float]]) -> list[Check]:
    """Check the growth of memory (MiB) and open files after the first quarter of the time."""
    if len(memory) < 8:
        return [Check("there are figures", False, f"{len(memory)} samples: let it run longer")]
    memory, files = (series[int(len(series) * WARM) :] for series in (memory, files))
    slope, _ = statistics.linear_regression(*zip(*memory, strict=True))
    growth = slope * (memory[-1][0] - memory[0][0])
    share = growth / statistics.mean(value for _, value in memory)
    # The minimum of each third: connections come and go, but a leaked file stays open.
    third = max(1, len(files) // 3)
    opened = min(value for _, value in files[-third:]) - min(value for _, value in files[:third])
    return [
        Check("memory is flat", share < MOST_GROWTH, f"{growth:+.1f} MiB, {share:+.1%}, at {memory[-1][1]:.0f} MiB"),
        Check("no file stays open", opened < MOST_FILES, f"{opened:+.0f} open files"),
    ]


def scaled(ready: Series, steps: Sequence[Step], wanted: int, least: int) -> list[Check]:
    """Check that pods scaled out at the highest step and in with the load, and after how many seconds."""
    highest = _highest(steps)
    top, down, end = highest.began, highest.ended, steps[-1].ended
    before = max((count for at, count in ready if at < top), default=0.0)
    most = max((count for _, count in ready), default=0.0)
    came = next((at for at, count in ready if at >= top and count > before), None)
    gone = next((at for at, count in ready if at >= end and count <= least), None)
    checks = [
        Check("more pods come", most >= wanted, f"{most:.0f} ready at most, {_after(came, top, 'the first new one')}")
    ]
    if down < end:
        fewer = next((at for at, count in ready if down <= at < end and count < most), None)
        checks.append(
            Check("pods go while others answer", fewer is not None, _after(fewer, down, "the first had gone"))
        )
    return [
        *checks,
        Check(f"the pods go, down to {least}", gone is not None, _after(gone, end, "the last one had gone")),
    ]


def recovered(latencies: Series, steps: Sequence[Step], recovery: float) -> Check:
    """Compare the latency of the second half of the highest step, as it was held, with that of the first step."""
    first, highest = steps[0], _highest(steps)
    alone, loaded = ([value for at, value in latencies if _late(step) <= at < step.ended] for step in (first, highest))
    if not alone or not loaded:
        return Check("the latency recovers", False, "no request was answered at one of the two times")
    one, many = quantile(alone, 0.5), quantile(loaded, 0.5)
    seen = f"{many:.0f} ms with {highest.users} users, {one:.0f} ms with {first.users}"
    return Check("the latency recovers", many <= recovery * one, seen)


def _highest(steps: Sequence[Step]) -> Step:
    return max(steps, key=lambda step: step.users)


def _late(step: Step) -> float:
    return (step.settled + step.ended) / 2


def _after(at: float | None, since: float, what: str) -> str:
    return "never" if at is None else f"{what} after {at - since:.0f} s"
