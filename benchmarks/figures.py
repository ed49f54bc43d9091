"""Figures beside their limits, as the benchmarks print them."""

import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value and its limit; `within` tells whether it keeps the limit."""

    name: str
    value: float
    unit: str
    limit: float
    within: bool

    @property
    def ratio(self) -> float:
        """The value as a share of its limit."""
        return self.value / self.limit


def at_most(name: str, value: float, unit: str, limit: float) -> Figure:
    """Return a figure with an upper limit."""
    return Figure(name, value, unit, limit, value <= limit)


def at_least(name: str, value: float, unit: str, limit: float) -> Figure:
    """Return a figure with a lower limit."""
    return Figure(name, value, unit, limit, value >= limit)


def machine() -> str:
    """Describe the machine: processor, cores, current load, Python's version."""
    load = os.getloadavg()[0]
    return f"{platform.machine()}, {os.cpu_count()} cores, load {load:.1f}, Python {platform.python_version()}"


def table(figures: Iterable[Figure]) -> str:
    """Return the figures as a table in Markdown."""
    rows = ["| what | measured | limit | of the limit |", "|---|---|---|---|"]
    for figure in figures:
        mark = "" if figure.within else " **over**" if figure.ratio > 1 else " **under**"
        rows.append(
            f"| {figure.name} | {figure.value:,.3g} {figure.unit} | {figure.limit:,g} | {figure.ratio:.0%}{mark} |"
        )
    return "\n".join(rows)
