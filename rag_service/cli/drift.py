"""`codeintel drift`: whether people still ask what is evaluated, and how the answers fare."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_service.cli import options, terminal

if TYPE_CHECKING:
    from ml.evaluation.drift import Drift, Period, Population


@click.command(short_help="Compare what is asked with what is evaluated.")
@click.option(
    "--dataset",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder with held_out.jsonl.  [default: what `dataset` made, else what the last run at mlflow_url was trained with]",
)
@click.option("--days", default=28, show_default=True, type=click.IntRange(1), help="How far back questions count.")
@options.json_option
def drift(dataset: Path | None, days: int, as_json: bool) -> None:
    """Compare the questions that were asked with those of the evaluation set, and count refusals and bad ratings.

    They are read from the audit log in the data folder, or from Langfuse where langfuse_url is set.

    Drift is said where the difference is beyond chance (p ≤ 0.01) and a fifth of the questions or more are unlike any
    that is evaluated; where nothing changed, a twentieth are. The service shows the last figures at /metrics.
    """
    from ml.settings import get_settings
    from rag_service.evaluation.drift import drift as measured

    found = measured(get_settings(), dataset, days)
    if as_json:
        terminal.print_json(found.as_dict())
        return
    terminal.echo(*(population(found.population) if found.population else [f"no figure for drift: {found.too_few}"]))
    for question in found.new:
        terminal.echo(terminal.style(f"  new: {question}", dim=True))
    if found.periods:
        terminal.echo(*table(found))


def population(found: "Population") -> terminal.Line:
    """Return the comparison in one line."""
    word = terminal.style("drifted", fg="yellow", bold=True) if found.drifted else "no drift"
    return [
        word,
        f": {found.new_share:.0%} of the questions are unlike any evaluated one, discrepancy p = {found.p:.3f}",
    ]


def table(found: "Drift") -> terminal.Line:
    """Return a line a week: answers, refused, rated down."""
    head = f"{'week of':<12}{'answers':>8}{'refused':>9}{'rated':>7}{'down':>6}"
    return [terminal.style(head, dim=True), *(f"\n{_week(period)}" for period in found.periods)]


def _week(period: "Period") -> str:
    refused = f"{period.refused / period.answers:.0%}" if period.answers else "–"
    down = f"{period.down / period.rated:.0%}" if period.rated else "–"
    return f"{period.start:<12}{period.answers:>8}{refused:>9}{period.rated:>7}{down:>6}"
