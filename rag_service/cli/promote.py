"""`codeintel promote`: carry out the gate's decision, or roll the last promotion back."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_service.cli import options, terminal

if TYPE_CHECKING:
    from rag_service.learning.promote import PromotionReport


@click.command(short_help="Deploy an adapter if it is better.")
@click.argument("run", required=False, metavar="[RUN]")
@click.option("--rollback", is_flag=True, help="Return to the previous adapter, or to the base model.")
@options.json_option
def promote(run: str | None, rollback: bool, as_json: bool) -> None:
    """Register the adapter of RUN, a folder written by `train`, and make it Production if it passes the gate.

    RUN defaults to the last finished run. The metrics come from `evaluate`. Exit with 0 even if the gate rejects it.
    """
    from rag_service.learning.promote import promote_run, roll_back

    settings = options.settings_with()
    report = roll_back(settings) if rollback else promote_run(settings, Path(run) if run else None)
    if as_json:
        terminal.print_json(report.as_dict())
    else:
        terminal.echo(*summary(report))


def summary(report: "PromotionReport") -> terminal.Line:
    """Format the outcome as text."""
    word = terminal.style("promoted", fg="green") if report.promoted else terminal.style("not promoted", fg="yellow")
    parts: list[terminal.Part] = [word, f": {'; '.join(report.reasons)}"]
    parts += [f"\n  {name:<22}{figures}" for name, figures in report.figures.items()]
    number = report.in_force
    return [*parts, f"\ndeployed: {f'adapter {number}' if number else 'only the base model'}"]
