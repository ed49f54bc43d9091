"""`codeintel train`: train an adapter on the pairs."""

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ml.errors import SettingsError
from rag_service.cli import options, progress, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ml.training.result import TrainingResult
    from rag_service.learning.train import RepetitionReport, TrainingReport

STEP = re.compile(r"step (?P<step>\d{1,9})/(?P<steps>\d{1,9}) loss (?P<loss>[\d.]{1,20})")
BARS = "▁▂▃▄▅▆▇█"
WIDTH = 60


@click.command(short_help="Fine-tune the LLM on the pairs.")
@click.option(
    "--dataset", metavar="DIR", help="Folder with train.jsonl and held_out.jsonl.  [default: output of `dataset`]"
)
@click.option("--output", metavar="DIR", help="Folder of the run.  [default: a new one in the data folder]")
@click.option("--epochs", type=float, help="Number of passes over the pairs.")
@click.option("--max-steps", type=int, help="Stop after this many steps; -1: no limit.")
@click.option("--batch", type=int, help="Pairs per step.")
@click.option("--rank", type=int, help="LoRA rank: the capacity of the adapter.")
@click.option("--learning-rate", type=float, help="Learning rate.")
@click.option("--seed", type=int, help="The same seed and pairs produce the same adapter.")
@click.option("--repeat", metavar="RUN_ID", help="Repeat a run from its record in MLflow, and compare the loss.")
@options.json_option
def train(dataset: str | None, output: str | None, repeat: str | None, as_json: bool, **given: Any) -> None:
    """Fine-tune the base model (LoRA) on question-answer pairs, and log the run in MLflow.

    A run that was killed resumes from its last checkpoint; a finished one is not trained again.
    """
    from ml.training.recipe import Recipe
    from rag_service.learning.train import repeat_run, train_adapter

    settings = options.settings_with()
    chosen = {name: value for name, value in given.items() if value is not None}
    if repeat and (dataset or chosen):
        raise SettingsError(
            "--repeat takes the data set and hyperparameters from the run", "leave the other options out"
        )
    folder = Path(output) if output else None
    with show_progress() as show:
        if repeat:
            repeated = repeat_run(settings, repeat, folder, show)
        else:
            trained = train_adapter(settings, Recipe(**chosen), Path(dataset) if dataset else None, folder, show)
    report = repeated if repeat else trained
    if as_json:
        terminal.print_json(report.as_dict())
    else:
        terminal.echo(*(repetition(repeated) if repeat else summary(trained)))


def summary(report: "TrainingReport") -> terminal.Line:
    """Format a finished run as text: its folder and its losses."""
    return [
        terminal.style(str(report.folder), bold=True),
        f"  (MLflow run {report.run_id})\n",
        *_figures(report.result),
    ]


def repetition(report: "RepetitionReport") -> terminal.Line:
    """Format a repeated run as text: whether the loss is the same, and which packages differ."""
    again = report.repetition
    word = terminal.style("the same", fg="green") if again.agrees() else terminal.style("a different loss", fg="yellow")
    packages = [f"\n  {name} {then}, now {now or 'not installed'}" for name, (then, now) in again.packages.items()]
    return [
        terminal.style(str(report.folder), bold=True),
        f"  (repeats MLflow run {report.run_id}: ",
        word,
        ")\n",
        *_figures(again.result),
        f"\n  logged         {again.logged.held_out_loss:.3f} after",
        *packages,
    ]


def _figures(result: "TrainingResult") -> terminal.Line:
    before, after = result.held_out_loss_before, result.held_out_loss_after
    longest = f", {result.left_out} skipped as too long" if result.left_out else ""
    return [
        f"  loss           {curve([loss for _, loss in result.losses])}\n",
        f"  held-out loss  {before:.3f} before, ",
        terminal.style(f"{after:.3f}", bold=True),
        " after\n",
        f"  {result.train_examples} pairs{longest}; {result.tokens_per_second:.0f} tokens/s on {result.device}, "
        f"{result.seconds:.0f} s, {result.peak_memory_mb / 1024:.1f} GiB",
    ]


def curve(losses: list[float]) -> str:
    """Return losses as a sparkline between the first and the last value."""
    if not losses:
        return "no step"
    step = max(1, len(losses) // WIDTH)
    means = [sum(part) / len(part) for at in range(0, len(losses), step) if (part := losses[at : at + step])]
    low, span = min(means), (max(means) - min(means)) or 1.0
    bars = "".join(BARS[round((loss - low) / span * (len(BARS) - 1))] for loss in means)
    return f"{losses[0]:.2f} {bars} {losses[-1]:.2f}"


@contextmanager
def show_progress() -> "Iterator[Callable[[str], None]]":
    """Yield a callback for the job's lines: a progress bar with the loss in a terminal, the lines themselves elsewhere."""
    with progress.bar("starting") as draw:
        yield (lambda line: _draw(draw, line)) if draw else (lambda line: terminal.echo(line, err=True))


def _draw(draw: progress.Draw, line: str) -> None:
    found = STEP.search(line)
    if found:
        draw(f"loss {found['loss']}", int(found["step"]), int(found["steps"]))
