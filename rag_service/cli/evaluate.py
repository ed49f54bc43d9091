"""`codeintel evaluate`: measure the quality of answers, with and without an adapter."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_service.cli import options, progress, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.evaluation.evaluate import Progress
    from rag_service.evaluation.measuring import Measured


@click.command(short_help="Measure the answers, and an adapter against its base.")
@click.option("--dataset", metavar="DIR", help="Folder with held_out.jsonl.  [default: output of `dataset`]")
@click.option(
    "--adapter",
    metavar="PATH",
    help="An adapter (GGUF, or the folder that `train` left), measured beside what is in force; `none` is the base alone.  "
    "[default: the one trained last]",
)
@click.option("--judge", type=options.SettingChoice("judge"), help="The judge.  [default: from the settings]")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1), help="Number of held-out questions.")
@click.option("--html", metavar="FILE", help="Output file of the report.  [default: in the data folder]")
@options.store_option
@options.json_option
def evaluate(
    dataset: str | None,
    adapter: str | None,
    judge: str | None,
    limit: int,
    html: str | None,
    store: str | None,
    as_json: bool,
) -> None:
    """Answer the held-out questions, score the answers, and write a report with charts.

    With an adapter, the base model and the adapter in Production answer the same questions, and the gate decides
    whether the new one would be promoted; `codeintel promote` promotes it.
    """
    from ml.handover import last_run
    from rag_service.learning.evaluate import evaluate_adapter

    settings = options.settings_with(store=store, judge=judge)
    named = None if adapter == "none" else Path(adapter) if adapter else last_run(settings)
    pairs, page = Path(dataset) if dataset else None, Path(html) if html else None
    with progress_bar() as draw:
        report = evaluate_adapter(settings, named, pairs, limit, page, draw)
    if as_json:
        terminal.print_json(report.as_dict())
        return
    terminal.echo(*summary(report.measured))
    terminal.echo("\nThe report: ", terminal.style(str(report.page), fg="cyan"))


def summary(measured: "Measured") -> terminal.Line:
    """Format the measurements as text: one line per metric, the judge, the decision."""
    from ml.evaluation.report import label

    against = measured.against
    before = {metric.name: metric.mean for metric in against.metrics} if against else {}
    parts: list[terminal.Part] = [terminal.style(measured.report.model, bold=True)]
    for metric in measured.report.metrics:
        beside = f"   before {before[metric.name]:.3f}" if metric.name in before else ""
        figures = f"{metric.mean:.3f} [{metric.low:.3f}, {metric.high:.3f}]  n={metric.n}"
        parts += [f"\n  {label(metric.name):<22}{figures:<32}", terminal.style(beside, dim=True)]
    judge = measured.report.judge
    said = f"{judge.model} {'may' if judge.passed else 'may not'} decide: {judge.reason}" if judge else "none"
    parts.append(f"\n  {'judge':<22}{said}")
    if measured.decision:
        word = terminal.style("passed", fg="green") if measured.decision.passed else terminal.style("refused", fg="red")
        parts += [f"\n  {'gate':<22}", word, f": {'; '.join(measured.decision.reasons)}"]
    return parts


@contextmanager
def progress_bar() -> "Iterator[Progress | None]":
    """Yield a progress callback, or None if stderr is not a terminal."""
    with progress.bar("opening") as draw:
        yield (lambda stage, done, total: draw(f"asking: {stage}", done, total)) if draw else None
