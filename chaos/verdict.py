"""A control for every experiment: fail a run in which any step failed, report the recovery time, and draw it.

The Chaos Toolkit itself exits with 0 if a probe of the method fails or the first steady state is not met. The page is
written to the file that the configuration `page` (CODEINTEL_CHAOS_PAGE) names.
"""

import html
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from chaos.log import logger

WAITING = "wait until "  # prefixes of steps that return how many seconds they waited
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>
<style>:root{{color-scheme:light dark}}body{{font:15px/1.5 system-ui,sans-serif;max-width:62rem;margin:2rem auto;padding:0 1rem}}
.row{{display:grid;grid-template-columns:20rem 1fr 12rem;gap:1rem;align-items:center;margin:.3rem 0}}
.line{{position:relative;height:1rem;background:color-mix(in srgb,currentColor 8%,transparent);border-radius:4px}}
.line i{{position:absolute;top:0;bottom:0;min-width:3px;border-radius:4px;background:#16a34a}}.failed i{{background:#dc2626}}
.failed span{{color:#dc2626}}</style><h1>{title}</h1><p>{description}</p><p><b>{verdict}</b></p>{rows}</html>
"""


def after_experiment_control(
    context: dict[str, Any], state: dict[str, Any], configuration: dict[str, Any] | None = None, **_: object
) -> None:
    """Judge the journal of a finished run."""
    steps = _steps(state)
    failed = [step for step in steps if _failed(step)]
    for step in failed:
        logger.error("failed: %s", step["activity"]["name"])
    if failed and state["status"] == "completed":
        state["status"] = "failed"
    logger.info("%s", _verdict(steps))
    page = (configuration or {}).get("page")
    if page:
        Path(page).write_text(_page(context, steps), encoding="utf-8")
        logger.info("report: %s", page)


def _steps(journal: dict[str, Any]) -> list[dict[str, Any]]:
    """Return every step in order: first steady state, method, second steady state, rollbacks."""
    states = journal.get("steady_states") or {}
    before, after = ((states.get(when) or {}).get("probes", []) for when in ("before", "after"))
    return [*before, *journal.get("run", []), *after, *journal.get("rollbacks", [])]


def _failed(step: dict[str, Any]) -> bool:
    return step["status"] != "succeeded" or step.get("tolerance_met") is False or _refused(step)


def _refused(step: dict[str, Any]) -> bool:
    """Return whether a probe of the method missed its tolerance, which the toolkit records but does not judge."""
    return step["activity"].get("tolerance") is True and step.get("output") is False


def _verdict(steps: list[dict[str, Any]]) -> str:
    failed = [step["activity"]["name"] for step in steps if _failed(step)]
    if failed:
        return f"it did not hold: {', '.join(failed)}"
    return "; ".join(("it held", *_times(steps)))


def _times(steps: list[dict[str, Any]]) -> Iterator[str]:
    """Yield the recovery times, each counted from the last action before it."""
    done: datetime | None = None
    for step in steps:
        name, output = step["activity"]["name"], step.get("output")
        if not name.startswith(WAITING):
            done = datetime.fromisoformat(step["end"]) if step["activity"]["type"] == "action" else done
        elif done and isinstance(output, float):
            came = datetime.fromisoformat(step["start"]) + timedelta(seconds=output)
            yield f"{name.removeprefix(WAITING)} after {(came - done).total_seconds():.1f} s"


def _page(experiment: dict[str, Any], steps: list[dict[str, Any]]) -> str:
    times = [(datetime.fromisoformat(step["start"]), datetime.fromisoformat(step["end"])) for step in steps]
    first = min((start for start, _ in times), default=datetime.min)
    whole = max((end - first).total_seconds() for _, end in times) or 1.0 if times else 1.0
    rows = "".join(
        _row(step, (start - first).total_seconds(), (end - start).total_seconds(), whole)
        for step, (start, end) in zip(steps, times, strict=True)
    )
    texts = {name: html.escape(str(experiment.get(name, ""))) for name in ("title", "description")}
    return PAGE.format(**texts, verdict=html.escape(_verdict(steps)), rows=rows)


def _row(step: dict[str, Any], start: float, seconds: float, whole: float) -> str:
    bar = f'<i style="left:{100 * start / whole:.2f}%;width:{100 * seconds / whole:.2f}%"></i>'
    name = html.escape(step["activity"]["name"])
    css = "row failed" if _failed(step) else "row"
    times = f"at {start:.1f} s, {seconds:.1f} s"
    return f'<div class="{css}"><span>{name}</span><div class="line">{bar}</div><span>{times}</span></div>'
