"""A load test's samples, second by second: checks, a chart and an exit code."""

import base64
import html
import io
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent
from locust.env import Environment

from loadtests.checks import Check, quantile

READER = "reader"  # Locust's request type for what a user perceives of a request
COLOURS = ("#2563eb", "#ea580c", "#16a34a", "#9333ea", "#dc2626")
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>:root{{color-scheme:light dark}}body{{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}}
td,th{{padding:.2rem .8rem .2rem 0;text-align:left;vertical-align:top}}.held{{color:#16a34a}}.failed{{color:#dc2626}}
img{{width:100%;background:#fff;border-radius:8px}}</style>
<h1>{title}</h1><p>{about}</p><table>{rows}</table><img alt="load, pods and latency over time" src="{picture}"></html>
"""


@dataclass(frozen=True, slots=True)
class Second:
    """One sample: seconds since the start, users, and the values of each series by panel and name."""

    at: float
    values: Mapping[str, Mapping[str, float]]


@dataclass
class Timeline:
    """Samples of a running test. `probe` returns further panels by name, each with its series."""

    environment: Environment
    probe: Callable[[], Mapping[str, Mapping[str, float]]]
    seconds: list[Second] = field(default_factory=list)
    _latencies: list[float] = field(default_factory=list)
    _failures: int = 0
    _started: float = field(default_factory=time.monotonic)

    def watch(self) -> None:
        """Start taking a sample a second."""
        self.environment.events.request.add_listener(self._note)
        gevent.spawn(self._sample_for_ever)

    def now(self) -> float:
        """Return the seconds since the start."""
        return time.monotonic() - self._started

    def requests(self) -> int:
        """Return how many requests were answered."""
        entries = self.environment.stats.entries.values()
        return sum(entry.num_requests for entry in entries if entry.method != READER)

    def series(self, panel: str, name: str) -> list[tuple[float, float]]:
        """Return a series as (seconds, value)."""
        return [
            (second.at, second.values[panel][name]) for second in self.seconds if name in second.values.get(panel, {})
        ]

    def _note(
        self, request_type: str, response_time: float | None, exception: BaseException | None, **_: object
    ) -> None:
        if request_type != READER:
            self._latencies.append(response_time or 0.0)
        self._failures += exception is not None

    def _sample_for_ever(self) -> None:
        while True:
            gevent.sleep(1)
            latencies, failures = self._latencies, self._failures
            self._latencies, self._failures = [], 0
            load = {"users": self.environment.runner.user_count if self.environment.runner else 0.0}
            load |= {"requests a second": float(len(latencies)), "failed": float(failures)}
            panels = {"load": load, **self.probe()}
            if latencies:
                panels["latency, ms"] = {"median": statistics.median(latencies), "95 %": quantile(latencies, 0.95)}
            self.seconds.append(Second(self.now(), panels))

    def write_page(self, file: Path, title: str, about: str, checks: Iterable[Check]) -> None:
        """Write the checks and the picture, all panels on one time axis, as one HTML file."""
        rows = "".join(
            f'<tr><td class="{"held" if check.held else "failed"}">{"✓" if check.held else "✗"}'
            f"<td>{html.escape(check.name)}<td>{html.escape(check.seen)}"
            for check in checks
        )
        page = PAGE.format(title=html.escape(title), about=html.escape(about), rows=rows, picture=self._picture())
        file.write_text(page, encoding="utf-8")

    def _picture(self) -> str:
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure

        panels = list(dict.fromkeys(panel for second in self.seconds for panel in second.values)) or ["load"]
        figure = Figure(figsize=(11, 2.6 * len(panels)), layout="constrained")
        axes: list[Any] = list(figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0])
        for axis, panel in zip(axes, panels, strict=True):
            names = dict.fromkeys(name for second in self.seconds for name in second.values.get(panel, {}))
            for colour, name in zip(COLOURS, names, strict=False):
                points = self.series(panel, name)
                axis.step(
                    [at for at, _ in points], [value for _, value in points], color=colour, label=name, where="post"
                )
            axis.set_ylabel(panel)
            axis.set_ylim(bottom=0)
            axis.yaxis.get_major_locator().set_params(integer=True)  # no fractions of a pod on the axis
            axis.grid(alpha=0.3)
            axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=len(names), fontsize="small", frameon=False)
        axes[-1].set_xlabel("seconds")
        written = io.BytesIO()
        FigureCanvasSVG(figure).print_svg(written)
        return "data:image/svg+xml;base64," + base64.b64encode(written.getvalue()).decode()


def finish(timeline: Timeline, title: str, about: str, checks: list[Check], page: str) -> None:
    """Print the checks, write the page if requested, and set the exit code."""
    for check in checks:
        print(check)
    if page:
        timeline.write_page(Path(page), title, about, checks)
        print(f"report: {page}")
    timeline.environment.process_exit_code = 0 if all(check.held for check in checks) else 1
