"""`codeintel drift`: compare real questions with the evaluation set, and count refusals and bad ratings."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_service.cli import options, terminal

if TYPE_CHECKING:
    from ml.evaluation.drift import Drift, Period, Population


@click.command(short_help="Compare real questions with the evaluation set.")
@click.option(
    "--dataset",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder with held_out.jsonl.  [default: output of `dataset`, else the data set of the last run at mlflow_url]",
)
@click.option("--days", default=28, show_default=True, type=click.IntRange(1), help="Number of days to look back.")
@options.json_option
def drift(dataset: Path | None, days: int, as_json: bool) -> None:
    """Compare recent questions with the evaluation set, and count refusals and bad ratings.

    Questions are read from the audit log in the data folder, or from Langfuse if langfuse_url is set.

    Drift is reported if the difference is statistically significant (p ≤ 0.01) and at least 20 % of the questions are
    unlike any in the evaluation set (without drift, 5 % are). The service exposes the latest figures at /metrics.
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
    """Format the comparison as one line."""
    word = terminal.style("drifted", fg="yellow", bold=True) if found.drifted else "no drift"
    return [
        word,
        f": {found.new_share:.0%} of the questions are unlike any evaluated one, discrepancy p = {found.p:.3f}",
    ]


def table(found: "Drift") -> terminal.Line:
    """Format one line per week: answers, refused, rated down."""
    head = f"{'week of':<12}{'answers':>8}{'refused':>9}{'rated':>7}{'down':>6}"
    return [terminal.style(head, dim=True), *(f"\n{_week(period)}" for period in found.periods)]


def _week(period: "Period") -> str:
    refused = f"{period.refused / period.answers:.0%}" if period.answers else "–"
    down = f"{period.down / period.rated:.0%}" if period.rated else "–"
    return f"{period.start:<12}{period.answers:>8}{refused:>9}{period.rated:>7}{down:>6}"
