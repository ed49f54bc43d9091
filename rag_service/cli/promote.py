"""`codeintel promote`: the gate's decision carried out, or the last one taken back."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_service.cli import options, terminal

if TYPE_CHECKING:
    from rag_service.learning.promote import PromotionReport


@click.command(short_help="Put an adapter in force if it is better.")
@click.argument("run", required=False, metavar="[RUN]")
@click.option("--rollback", is_flag=True, help="Back to the adapter before this one, or to the base model.")
@options.json_option
def promote(run: str | None, rollback: bool, as_json: bool) -> None:
    """Register the adapter of RUN, a folder that `train` left, and make it Production if the gate lets it pass.

    By default the run that finished last. The figures are those of `evaluate`. A refusal is a result, not a failure.
    """
    from rag_service.learning.promote import promote_run, roll_back

    settings = options.settings_with()
    report = roll_back(settings) if rollback else promote_run(settings, Path(run) if run else None)
    if as_json:
        terminal.print_json(report.as_dict())
    else:
        terminal.echo(*summary(report))


def summary(report: "PromotionReport") -> terminal.Line:
    """Return an outcome for a person."""
    word = terminal.style("promoted", fg="green") if report.promoted else terminal.style("not promoted", fg="yellow")
    parts: list[terminal.Part] = [word, f": {'; '.join(report.reasons)}"]
    parts += [f"\n  {name:<22}{figures}" for name, figures in report.figures.items()]
    number = report.in_force
    return [*parts, f"\nin force: {f'adapter {number}' if number else 'the base model alone'}"]
