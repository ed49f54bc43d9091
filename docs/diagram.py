"""Draw docs/images/platform.svg from the platform's Pulumi program: its components and their dependencies.

python -m docs.diagram
"""

from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

from testbed.pulumi.recorder import recorded
from testbed.pulumi.state import CHARTS, MANIFESTS, State

FILE = Path(__file__).parent / "images" / "platform.svg"
WIDTH, HEIGHT, GAP_X, GAP_Y, EDGE = 176, 54, 74, 22, 28
SPACE = "Namespace"
STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1b2733 } .small { font-size: 11.5px; fill: #55636f }
  rect { rx: 8; stroke-width: 1.5 } .theirs { fill: #e8f0fe; stroke: #5b8def } .ours { fill: #e9f7ef; stroke: #3c9d6b }
  path { fill: none; stroke: #8a97a3; stroke-width: 1.4 } .page { fill: #ffffff; stroke: none; rx: 0 }
"""


@dataclass(frozen=True)
class Component:
    """A component of the program, with the number of its own objects and of its charts or manifests."""

    name: str
    objects: int
    charts: int


def graph(state: State) -> tuple[dict[str, Component], dict[str, set[str]]]:
    """Return the components and, for each, its direct dependencies."""
    owner = {urn: _owner(state, urn) for urn in state.resources}
    needs: dict[str, set[str]] = {name: set() for name in owner.values() if name}
    for urn, each in state.resources.items():
        for need in each.needs & owner.keys():
            if owner[urn] and owner[need] and owner[need] != owner[urn]:
                needs[owner[urn]].add(owner[need])
    components = {name: _component(state, owner, name) for name in needs}
    for space in [name for name in needs if name.startswith("space ")]:
        through = needs.pop(space)
        for others in needs.values():
            if space in others:
                others.remove(space)
                others |= through
        del components[space]
    return components, _reduce_edges(needs)


def _owner(state: State, urn: str) -> str:
    """Return the outermost component of a resource; a namespace's is `space NAME`."""
    while (parent := state.resources[urn].parent) in state.resources:
        urn = parent
    top = state.resources[urn]
    kind = top.type.rsplit(":", 1)[1]
    return f"space {top.name}" if kind == SPACE else kind if top.type.startswith("codeintel:") else ""


def _component(state: State, owner: Mapping[str, str], name: str) -> Component:
    mine = [state.resources[urn] for urn, each in owner.items() if each == name]
    charts = [each for each in mine if each.type.startswith((*CHARTS, MANIFESTS))]
    objects = [each for each in mine if each.type.startswith("kubernetes:") and each not in charts]
    return Component(name, len(objects), len(charts))


def _reduce_edges(needs: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the transitive reduction: drop each edge that a longer path implies."""

    def reach(name: str) -> set[str]:
        return needs[name].union(*(reach(each) for each in needs[name])) if needs[name] else set()

    return {
        name: {each for each in wanted if not any(each in reach(other) for other in wanted - {each})}
        for name, wanted in needs.items()
    }


def draw(components: Mapping[str, Component], needs: Mapping[str, set[str]]) -> str:
    """Return the picture: a column for each step of the order, with arrows from dependency to dependent."""
    level: dict[str, int] = {}
    for name in TopologicalSorter(needs).static_order():
        level[name] = 1 + max((level[each] for each in needs[name]), default=-1)
    columns = _columns(level, needs)
    tall = max(len(column) for column in columns)
    place = {
        name: (EDGE + step * (WIDTH + GAP_X), EDGE + round((row + (tall - len(column)) / 2) * (HEIGHT + GAP_Y)))
        for step, column in enumerate(columns)
        for row, name in enumerate(column)
    }
    wide, high = 2 * EDGE + len(columns) * (WIDTH + GAP_X) - GAP_X, 2 * EDGE + tall * (HEIGHT + GAP_Y) + 16
    lines = [_arrow(place[need], place[name]) for name in sorted(needs) for need in sorted(needs[name])]
    boxes = [_box(components[name], *place[name]) for name in sorted(place)]
    legend = (
        f'<text class="small" x="{EDGE}" y="{high - 14}">Blue: charts of other projects behind a gate. '
        "Green: our own objects. An arrow: comes first at `up`, goes last at `destroy`.</text>"
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" role="img">'
    title = "<title>The platform's components in the order in which they go up</title>"
    tip = '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    tip += '<path d="M0 0L8 4L0 8z" style="fill:#8a97a3;stroke:none"/></marker></defs>'
    page = f'<rect class="page" width="{wide}" height="{high}"/>'
    return "\n".join([head, title, f"<style>{STYLE}</style>", tip, page, *lines, *boxes, legend, "</svg>", ""])


def _columns(level: Mapping[str, int], needs: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the names of each step, each near the middle of its neighbours, so that few arrows cross."""
    columns = [sorted(name for name in level if level[name] == step) for step in range(max(level.values()) + 1)]
    near = {name: needs[name] | {other for other in needs if name in needs[other]} for name in level}
    for _ in range(20):
        row = {name: place - len(column) / 2 for column in columns for place, name in enumerate(column)}
        for column in columns:
            column.sort(key=lambda name: (sum(row[each] for each in near[name]) / max(1, len(near[name])), name))
    return columns


def _arrow(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1, x2, y2 = start[0] + WIDTH, start[1] + HEIGHT // 2, end[0], end[1] + HEIGHT // 2
    bend = (x2 - x1) // 2
    return f'<path d="M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2 - 2} {y2}" marker-end="url(#tip)"/>'


def _box(component: Component, x: int, y: int) -> str:
    kind = "theirs" if component.charts else "ours"
    said = [f"{component.charts} chart{'s' * (component.charts > 1)}"] if component.charts else []
    said.append(f"{component.objects} object{'s' * (component.objects != 1)}")
    middle = x + WIDTH // 2
    return (
        f'<rect class="{kind}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}"/>'
        f'<text x="{middle}" y="{y + 24}" text-anchor="middle">{escape(component.name)}</text>'
        f'<text class="small" x="{middle}" y="{y + 42}" text-anchor="middle">{" · ".join(said)}</text>'
    )


def picture() -> str:
    """Return the picture of the stack `gpu`, which has every component."""
    return draw(*graph(recorded()))


if __name__ == "__main__":
    FILE.write_text(picture(), encoding="utf-8")
