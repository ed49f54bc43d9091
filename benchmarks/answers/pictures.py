"""Draw the shares of each system, and those of the assistant by kind of question, with their intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

from benchmarks.answers.measures import MEASURES, Scored
from benchmarks.answers.questions import KINDS
from benchmarks.answers.report import most_asked
from ml.evaluation.bootstrap import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = [measure for measure in MEASURES if measure.is_share]
COLOURS = ("#2563eb", "#9ca3af", "#16a34a", "#ea580c", "#9333ea")
REPRODUCIBLE = {"svg.hashsalt": "codeintel", "svg.fonttype": "none", "font.size": 9}


def draw(scored: Sequence[Scored], file: Path) -> None:
    """Draw a file: on the left the systems, on the right the first system's answers by kind."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    common = most_asked(scored)
    systems = list(dict.fromkeys(each.system for each in common))
    with mpl.rc_context(REPRODUCIBLE):
        figure = Figure(figsize=(11, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        _bars(left, {system: [each for each in common if each.system == system] for system in systems})
        mine = [each for each in common if each.system == systems[0]]
        _bars(right, {kind: [each for each in mine if each.question.kind == kind] for kind in KINDS})
        left.invert_yaxis()  # shared with the other
        left.set_title("by system")
        right.set_title(f"{systems[0]}, by kind of question")
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})


def _bars(axes: "Axes", groups: Mapping[str, Sequence[Scored]]) -> None:
    """Draw a bar for each measure and group, best group on top."""
    height = 0.8 / len(groups)
    for number, (name, group) in enumerate(groups.items()):
        for row, measure in enumerate(SHOWN):
            values = [each.scores[measure.name] for each in group if measure.name in each.scores]
            if values:
                mean, (low, high) = fmean(values), interval(values)
                axes.barh(
                    row + number * height,
                    mean,
                    height,
                    color=COLOURS[number % len(COLOURS)],
                    xerr=[[max(0.0, mean - low)], [max(0.0, high - mean)]],
                    error_kw={"elinewidth": 0.8},
                    label=name if row == 0 else None,
                )
    axes.set_yticks([row + 0.4 - height / 2 for row in range(len(SHOWN))], [measure.title for measure in SHOWN])
    axes.set_xlim(0, 1)
    axes.legend(frameon=False)
