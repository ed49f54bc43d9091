"""Draw docs/images/architecture.svg from the code's own imports: packages in layers, an arrow from importer to imported.

python -m docs.architecture
"""

import itertools
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from html import escape
from pathlib import Path

import grimp

from docs.layout import Layout, arrange

FILE = Path(__file__).parent / "images" / "architecture.svg"
HALVES = ("rag_service", "ml")
TITLES = ("rag_service: from a question to an answer", "ml: from repositories to an index, and to models")
PROJECT = Path(__file__).parents[1] / "pyproject.toml"
WIDTH, HEIGHT, STEP, GAP, MARGIN = 156, 50, 92, 26, 24
CAPTIONS = {
    "rag_service.answer": "composes, writes, cites",
    "rag_service.cli": "the commands",
    "rag_service.evaluation": "measures the service",
    "rag_service.chats": "kept, searched, exported",
    "rag_service.http": "the API and the page",
    "rag_service.langchain": "a retriever",
    "rag_service.learning": "the loop's stages",
    "rag_service.mcp_server": "tools for agents",
    "rag_service.record": "audit log, feedback",
    "rag_service.retrieve": "ranks what fits",
    "rag_service.tracing": "spans by OTLP",
    "rag_service.version": "of the package",
    "rag_service.wire": "answers as JSON",
    "ml.adapters": "the adapter in force",
    "ml.dataset": "question-answer pairs",
    "ml.evaluation": "metrics, judge, report",
    "ml.index": "sources to vectors",
    "ml.llm": "the models that write",
    "ml.pipelines": "the loop for Kubeflow",
    "ml.registry": "MLflow, gate, ledger",
    "ml.serving": "objects for KServe",
    "ml.training": "fine-tuning",
    "infra": "the platform as code",
    "loadtests": "asks over HTTP",
    "chaos": "asks over HTTP",
    "benchmarks": "may import all",
    "testbed": "Kubernetes for tests",
    "tests": "may import all",
}
STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #1b2733 } .small { font-size: 11.5px; fill: #55636f }
  .title { font-size: 13px; font-weight: 600; fill: #55636f; paint-order: stroke; stroke: #f6f8fa; stroke-width: 5px }
  rect { rx: 8; stroke-width: 1.5 } .page { fill: #ffffff; stroke: none; rx: 0 } .frame { fill: #f6f8fa; stroke: #d5dce3 }
  .rag_service { fill: #e8f0fe; stroke: #5b8def } .ml { fill: #e9f7ef; stroke: #3c9d6b }
  .beside { fill: #fdf3e3; stroke: #d59b3a }
  path { fill: none; stroke: #8a97a3; stroke-width: 1.4 } .down { stroke: #5b8def }
  .exception { stroke: #c2410c; stroke-dasharray: 5 4 }
"""


@dataclass
class Packages:
    """The boxes of each half and their imports: `needs` along the layers, `exceptions` against them."""

    needs: dict[str, set[str]]
    exceptions: dict[str, set[str]] = field(default_factory=dict)
    base: list[str] = field(default_factory=list)

    def half(self, name: str) -> list[str]:
        """Return the boxes of one half."""
        return sorted(each for each in self.needs if each.startswith(f"{name}."))


def read_packages(layers: Mapping[str, list[set[str]]]) -> Packages:
    """Return the packages and their imports; `layers` are those of the contracts, top first, by half."""
    graph = grimp.build_graph(*HALVES, "infra", cache_dir=None)
    files = {module for module in graph.find_children("ml") if not graph.find_children(module)}
    rank = {f"{half}.{name}": row for half, rows in layers.items() for row, names in enumerate(rows) for name in names}
    packages = Packages({name: set() for name in (*rank, "infra") if name not in files})
    packages.base = sorted(name.removeprefix("ml.") for name in files)
    for module in graph.modules:
        importer = _box(module)
        for imported in map(_box, graph.find_modules_directly_imported_by(module)):
            if importer == imported or not {importer, imported} <= packages.needs.keys():
                continue
            same_half = importer.split(".")[0] == imported.split(".")[0]
            against = same_half and rank[importer] >= rank[imported]
            (packages.exceptions if against else packages.needs).setdefault(importer, set()).add(imported)
    packages.needs = reduce_arrows(packages.needs) | {"infra": packages.needs["infra"]}
    return packages


def _box(module: str) -> str:
    """Return the name of the box that a module belongs to."""
    parts = module.split(".")
    return ".".join(parts[:2]) if parts[0] in HALVES else parts[0]


def reduce_arrows(needs: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the transitive reduction: drop each arrow that a longer path implies."""
    reach: dict[str, set[str]] = {}
    for name in TopologicalSorter(needs).static_order():
        reach[name] = needs[name].union(*(reach[each] for each in needs[name]))
    return {
        name: {each for each in wanted if not any(each in reach[other] for other in wanted - {each})}
        for name, wanted in needs.items()
    }


@dataclass(frozen=True)
class Plan:
    """The layout of the picture, in pixels."""

    packages: Packages
    layout: Layout
    rows_above: int  # rows of the service

    @property
    def inner(self) -> int:
        """Width of the two frames."""
        return self.layout.width + 2 * GAP

    def top(self, row: int) -> int:
        """Return the upper edge of a row; the second frame needs room for its title."""
        return 2 * MARGIN + 10 + row * STEP + (MARGIN if row >= self.rows_above else 0)

    def column(self, x: int) -> int:
        """Return the page's x coordinate of a layout's x."""
        return x + MARGIN + GAP

    def corner(self, name: str) -> tuple[int, int]:
        """Return a box's upper left corner."""
        return self.column(self.layout.middle[name]) - WIDTH // 2, self.top(self.layout.row[name])

    @property
    def base(self) -> int:
        """The upper edge of the bottom box."""
        return self.top(max(self.layout.row.values()) + 1)


def draw(packages: Packages) -> str:
    """Return the picture: the service above ml; beside them the other packages, which are in neither half."""
    layout = arrange([packages.half(half) for half in HALVES], packages.needs, WIDTH, GAP)
    plan = Plan(packages, layout, 1 + max(layout.row[name] for name in packages.half(HALVES[0])))
    border = plan.top(plan.rows_above) - MARGIN - 16
    corners = {name: plan.corner(name) for name in layout.row}
    corners |= _beside(plan, MARGIN + plan.inner + 3 * GAP)
    frames = [(12, border - 24), (border, plan.base + HEIGHT + 20 - border)]
    shapes = [_frame(top, plan.inner, high) for top, high in frames]
    titles = [_title(text, top) for text, (top, _) in zip(TITLES, frames, strict=True)]
    boxes = [_draw_box(name, *corner) for name, corner in sorted(corners.items())]
    tags = [_tag(corners[name]) for name in sorted(packages.needs["infra"])]
    base = _draw_base(packages.base, MARGIN + GAP, plan.base, layout.width)
    high = plan.base + HEIGHT + 4 * MARGIN + 6
    parts = [*shapes, *_arrows(plan, corners), *titles, *boxes, *tags, base, *_legend(high)]
    return _page(corners["infra"][0] + WIDTH + MARGIN, high, parts)


def _beside(plan: Plan, x: int) -> dict[str, tuple[int, int]]:
    names = ("tests", "testbed", "benchmarks", "loadtests", "chaos")
    return {name: (x, plan.top(row)) for row, name in enumerate(names)} | {"infra": (x, plan.top(plan.rows_above))}


def _arrows(plan: Plan, corners: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    for name in sorted(plan.layout.row):
        for need in sorted(plan.packages.needs[name]):
            bends = [(plan.column(x), plan.top(row) + HEIGHT // 2) for row, x in plan.layout.bends[name, need]]
            start, end = corners[name], corners[need]
            points = [(start[0] + WIDTH // 2, start[1] + HEIGHT), *bends, (end[0] + WIDTH // 2, end[1] - 1)]
            yield _downwards(points, "inside" if name.split(".")[0] == need.split(".")[0] else "down")
        for need in sorted(plan.packages.exceptions.get(name, ())):
            yield _upwards(corners[name], corners[need])


def _downwards(points: Sequence[tuple[int, int]], kind: str) -> str:
    """Return an arrow through the points, vertical at each of them."""
    path = f"M{points[0][0]} {points[0][1]}"
    for (x1, y1), (x2, y2) in itertools.pairwise(points):
        bend = (y2 - y1) // 2
        path += f"C{x1} {y1 + bend} {x2} {y2 - bend} {x2} {y2}"
    return f'<path class="{kind}" d="{path}" marker-end="url(#{kind})"/>'


def _upwards(start: tuple[int, int], end: tuple[int, int]) -> str:
    """Return an arrow against the layers: beside the downward one, or around the row between."""
    if start[1] - end[1] <= STEP + MARGIN:
        x1, y1, x2, y2 = start[0] + WIDTH // 2 + 26, start[1], end[0] + WIDTH // 2 + 26, end[1] + HEIGHT + 1
        path = f"M{x1} {y1}C{x1} {(y1 + y2) // 2} {x2} {(y1 + y2) // 2} {x2} {y2}"
    else:
        x1, y1, x2, y2 = start[0] + WIDTH, start[1] + HEIGHT // 2, end[0] + WIDTH + 1, end[1] + HEIGHT // 2
        out = max(x1, x2) + 44
        path = f"M{x1} {y1}C{out} {y1} {out} {y2} {x2} {y2}"
    return f'<path class="exception" d="{path}" marker-end="url(#exception)"/>'


def _tag(corner: tuple[int, int]) -> str:
    """Return the tag of a box that infra imports."""
    x, y = corner[0] + WIDTH - 44, corner[1] - 9
    return (
        f'<rect class="beside" x="{x}" y="{y}" width="38" height="17"/>'
        f'<text class="small" x="{x + 19}" y="{y + 12}" text-anchor="middle">infra</text>'
    )


def _draw_box(name: str, x: int, y: int) -> str:
    half, _, short = name.rpartition(".")
    return (
        f'<rect class="{half or "beside"}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}"/>'
        f'<text x="{x + WIDTH // 2}" y="{y + 22}" text-anchor="middle">{escape(short)}</text>'
        f'<text class="small" x="{x + WIDTH // 2}" y="{y + 39}" text-anchor="middle">{escape(CAPTIONS[name])}</text>'
    )


def _draw_base(names: list[str], x: int, y: int, wide: int) -> str:
    return (
        f'<rect class="ml" x="{x}" y="{y}" width="{wide}" height="{HEIGHT}"/>'
        f'<text x="{x + wide // 2}" y="{y + 22}" text-anchor="middle">{" · ".join(names)}</text>'
        f'<text class="small" x="{x + wide // 2}" y="{y + 39}" text-anchor="middle">single files that all may import</text>'
    )


def _frame(top: int, wide: int, high: int) -> str:
    return f'<rect class="frame" x="{MARGIN}" y="{top}" width="{wide}" height="{high}"/>'


def _title(text: str, top: int) -> str:
    return f'<text class="title" x="{MARGIN + 14}" y="{top + 21}">{escape(text)}</text>'


def _legend(high: int) -> list[str]:
    lines = (
        "Arrows are imports. An arrow that a longer path implies is left out.",
        "Blue: from the service to ml. Dashed: against the layers, an exception explained in pyproject.toml.",
        "Tagged: infra imports what describes objects on a cluster.",
    )
    return [
        f'<text class="small" x="{MARGIN}" y="{high - 54 + 18 * row}">{escape(line)}</text>'
        for row, line in enumerate(lines)
    ]


def _page(wide: int, high: int, parts: list[str]) -> str:
    colours = {"inside": "#8a97a3", "down": "#5b8def", "exception": "#c2410c"}
    tips = "".join(
        f'<marker id="{kind}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        f'<path d="M0 0L8 4L0 8z" style="fill:{colour};stroke:none"/></marker>'
        for kind, colour in colours.items()
    )
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" width="{wide}" height="{high}" role="img">'
    title = "<title>The packages and what each imports</title>"
    page = f'<rect class="page" width="{wide}" height="{high}"/>'
    return "\n".join([head, title, f"<style>{STYLE}</style>", f"<defs>{tips}</defs>", page, *parts, "</svg>", ""])


def layers(project: Path = PROJECT) -> dict[str, list[set[str]]]:
    """Return the layers that import-linter's contracts name for each half, top first."""
    contracts = tomllib.loads(project.read_text())["tool"]["importlinter"]["contracts"]
    return {
        each["containers"][0]: [set(row.split(" | ")) for row in each["layers"]]
        for each in contracts
        if each["type"] == "layers" and "containers" in each
    }


def picture() -> str:
    """Return the picture of the current code."""
    return draw(read_packages(layers()))


if __name__ == "__main__":
    FILE.write_text(picture(), encoding="utf-8")
