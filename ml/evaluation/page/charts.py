"""Charts, as SVG coloured by the page's stylesheet."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ml.evaluation.page.text import attribute
from ml.evaluation.report import Metric, label

WIDTH, LABELS, FIGURES, ROW, BAND = 860, 190, 210, 46, 9
PLOT = WIDTH - LABELS - FIGURES
LOSS_WIDTH, LOSS_HEIGHT, LEFT, BOTTOM, TOP, RIGHT = 860, 260, 52, 34, 14, 160


@dataclass(frozen=True, slots=True)
class Losses:
    """A training run's loss by step, in nats per token, and the held-out loss before and after it."""

    curve: Sequence[tuple[int, float]]
    held_out_before: float | None = None
    held_out_after: float | None = None


def forest(ours: Sequence[Metric], theirs: Mapping[str, Metric], least: Mapping[str, float]) -> str:
    """Draw a row for each metric: mean and 95 % interval, ours above theirs, and the threshold if there is one."""
    height = ROW * len(ours) + 30
    parts = [f'<svg class="chart" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="Metrics with their intervals">']
    parts += _scale(height)
    for row, metric in enumerate(ours):
        parts += _row(20 + ROW * row, metric, theirs.get(metric.name), least.get(metric.name))
    return "".join([*parts, "</svg>"])


def _scale(height: int) -> Iterator[str]:
    for tenth in range(0, 11, 2):
        x = _x(tenth / 10)
        yield f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="16" y2="{height - 12}"/>'
        yield f'<text class="tick" x="{x:.1f}" y="10" text-anchor="middle">{tenth / 10:.1f}</text>'


def _row(top: float, ours: Metric, theirs: Metric | None, least: float | None) -> Iterator[str]:
    middle = top + ROW / 2
    yield f'<text class="label" x="0" y="{middle + 4:.1f}">{attribute(label(ours.name))}</text>'
    if least is not None:
        x = _x(least)
        yield f'<line class="least" x1="{x:.1f}" x2="{x:.1f}" y1="{top + 6:.1f}" y2="{top + ROW - 6:.1f}">'
        yield f"<title>threshold {least:.2f}</title></line>"
    yield from _mark(middle - (BAND if theirs else 0), ours, "ours")
    if theirs:
        yield from _mark(middle + BAND, theirs, "theirs")


def _mark(y: float, metric: Metric, kind: str) -> Iterator[str]:
    low, mean, high = _x(metric.low), _x(metric.mean), _x(metric.high)
    shown = f"{metric.mean:.3f}  [{metric.low:.3f}, {metric.high:.3f}]"
    yield f'<g class="{kind}"><title>{attribute(label(metric.name))}: {shown}, n = {metric.n}</title>'
    yield f'<rect class="bar" x="{_x(0):.1f}" width="{mean - _x(0):.1f}" y="{y - 6:.1f}" height="12" rx="3"/>'
    yield f'<line class="range" x1="{low:.1f}" x2="{high:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
    for x in (low, high):
        yield f'<line class="range" x1="{x:.1f}" x2="{x:.1f}" y1="{y - 4:.1f}" y2="{y + 4:.1f}"/>'
    yield f'<circle cx="{mean:.1f}" cy="{y:.1f}" r="4"/>'
    yield f'<text class="figure" x="{WIDTH}" y="{y + 4:.1f}" text-anchor="end">{shown}  n={metric.n}</text></g>'


def _x(value: float) -> float:
    return LABELS + PLOT * value


def loss_curve(losses: Losses) -> str:
    """Draw the training loss by step and the held-out loss before and after."""
    steps = [step for step, _ in losses.curve]
    before, after = losses.held_out_before, losses.held_out_after
    top = max([loss for _, loss in losses.curve] + [loss for loss in (before, after) if loss is not None]) * 1.05
    first, last = steps[0], max(steps[-1], steps[0] + 1)

    def at(step: float, loss: float) -> tuple[float, float]:
        x = LEFT + (LOSS_WIDTH - LEFT - RIGHT) * (step - first) / (last - first)
        return x, TOP + (LOSS_HEIGHT - TOP - BOTTOM) * (1 - loss / top)

    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in (at(step, loss) for step, loss in losses.curve))
    parts = [f'<svg class="chart" viewBox="0 0 {LOSS_WIDTH} {LOSS_HEIGHT}" role="img" aria-label="Loss by step">']
    for quarter in range(5):
        loss = top * quarter / 4
        x, y = at(first, loss)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{LOSS_WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{loss:.2f}</text>')
    for step in (first, (first + last) // 2, last):
        x, y = at(step, 0)
        parts.append(f'<text class="tick" x="{x:.1f}" y="{y + 20:.1f}" text-anchor="middle">step {step}</text>')
    parts.append(f'<polyline class="curve" points="{points}"/>')
    if before is not None and after is not None:
        (x0, y0), (x1, y1) = at(first, before), at(last, after)
        parts.append(f'<line class="held-out" x1="{x0:.1f}" y1="{y0:.1f}" x2="{x1:.1f}" y2="{y1:.1f}"/>')
        parts += [f'<circle class="held-out-dot" cx="{x:.1f}" cy="{y:.1f}" r="5"/>' for x, y in ((x0, y0), (x1, y1))]
        label = f"held out {before:.2f} → {after:.2f}"
        parts.append(f'<text class="figure" x="{x1 + 10:.1f}" y="{y1 + 4:.1f}">{label}</text>')
    return "".join([*parts, "</svg>"])
