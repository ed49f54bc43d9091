"""Lay out a graph in rows: importers above what they import, and long arrows between the boxes."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter

ROUNDS = 60
Edge = tuple[str, str]


@dataclass(frozen=True)
class Layout:
    """The row and the centre of each box; for each arrow that spans several rows, the points where it crosses them."""

    row: dict[str, int]
    middle: dict[str, int]
    bends: dict[Edge, list[tuple[int, int]]]  # (row, x)
    width: int


def arrange(groups: Sequence[Sequence[str]], needs: Mapping[str, set[str]], box: int, gap: int) -> Layout:
    """Return the layout: each group below the previous one, boxes `box` pixels wide and `gap` apart."""
    row = _assign_rows(groups, needs)
    around: dict[str, set[str]] = {name: set() for name in row}
    passes: dict[Edge, list[str]] = {}
    places = dict(row)
    for name in row:
        for need in sorted(needs[name] & row.keys()):
            between = [f"{name}>{need}@{step}" for step in range(row[name] + 1, row[need])]
            passes[name, need] = between
            places |= {each: row[name] + 1 + step for step, each in enumerate(between)}
            chain = [name, *between, need]
            for one, other in itertools.pairwise(chain):
                around.setdefault(one, set()).add(other)
                around.setdefault(other, set()).add(one)
    widths = {name: box if name in row else 2 * gap for name in places}
    middle = _place_centres(_order_rows(places, around), around, widths, gap)
    left = min(middle[name] - widths[name] / 2 for name in places)
    right = max(middle[name] + widths[name] / 2 for name in places)
    shifted = {name: round(x - left) for name, x in middle.items()}
    bends = {edge: [(places[each], shifted[each]) for each in between] for edge, between in passes.items()}
    return Layout(row, {name: shifted[name] for name in row}, bends, round(right - left))


def _assign_rows(groups: Sequence[Sequence[str]], needs: Mapping[str, set[str]]) -> dict[str, int]:
    """Return the row of each name: below its importers in the group or, without importers, just above its imports."""
    row: dict[str, int] = {}
    for group in groups:
        first = 1 + max(row.values(), default=-1)
        importers = {name: {other for other in group if name in needs[other]} for name in group}
        for name in TopologicalSorter(importers).static_order():
            row[name] = max((row[each] + 1 for each in importers[name]), default=first)
        for name in group:
            below = [row[need] for need in needs[name] if need in importers]
            if below and not importers[name]:
                row[name] = min(below) - 1
    return row


def _order_rows(places: Mapping[str, int], around: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the names of each row, each near the middle of its neighbours, so that few arrows cross."""
    rows = [sorted(name for name in places if places[name] == step) for step in range(max(places.values()) + 1)]
    for turn in range(ROUNDS):
        at = {name: place - len(row) / 2 for row in rows for place, name in enumerate(row)}
        for row in rows if turn % 2 else reversed(rows):
            row.sort(key=lambda name: (_mean([at[each] for each in around[name]], at[name]), name))
            at |= {name: place - len(row) / 2 for place, name in enumerate(row)}
    return rows


def _place_centres(
    rows: Sequence[Sequence[str]], around: Mapping[str, set[str]], widths: Mapping[str, int], gap: int
) -> dict[str, float]:
    """Return the centre of each name: attracted to its neighbours, repelled by those beside it."""
    middle = {name: 0.0 for row in rows for name in row}
    for _ in range(ROUNDS):
        for row in rows:
            wanted = [_mean([middle[each] for each in around[name]], middle[name]) for name in row]
            middle |= dict(zip(row, _space_out(row, wanted, widths, gap), strict=True))
    return middle


def _space_out(row: Sequence[str], wanted: Sequence[float], widths: Mapping[str, int], gap: int) -> list[float]:
    """Return positions in the same order with enough distance: the mean of pushing right and pushing left."""
    space = [(widths[one] + widths[other]) / 2 + gap for one, other in itertools.pairwise(row)]
    right, left = list(wanted), list(wanted)
    for place in range(1, len(row)):
        right[place] = max(right[place], right[place - 1] + space[place - 1])
    for place in range(len(row) - 2, -1, -1):
        left[place] = min(left[place], left[place + 1] - space[place])
    return [(one + other) / 2 for one, other in zip(right, left, strict=True)]


def _mean(values: Iterable[float], otherwise: float) -> float:
    held = list(values)
    return sum(held) / len(held) if held else otherwise
