"""`codeintel train`: an adapter from the pairs."""

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
    "--dataset", metavar="DIR", help="Folder with train.jsonl and held_out.jsonl.  [default: what `dataset` made]"
)
@click.option("--output", metavar="DIR", help="Where the run goes.  [default: one of its own in the data folder]")
@click.option("--epochs", type=float, help="How often each pair is seen.")
@click.option("--max-steps", type=int, help="Stops after so many steps; -1: none.")
@click.option("--batch", type=int, help="Pairs in a step.")
@click.option("--rank", type=int, help="LoRA's r: how much the adapter can hold.")
@click.option("--learning-rate", type=float, help="Learning rate.")
@click.option("--seed", type=int, help="The same seed and pairs give the same adapter.")
@click.option("--repeat", metavar="RUN_ID", help="Train again with what MLflow holds of a run, and compare the loss.")
@options.json_option
def train(dataset: str | None, output: str | None, repeat: str | None, as_json: bool, **given: Any) -> None:
    """Fine-tune the base model (LoRA) on question-answer pairs, and log the run in MLflow.

    A run that was killed goes on from its last checkpoint; one that is finished is not trained again.
    """
    from ml.training.recipe import Recipe
    from rag_service.learning.train import repeat_run, train_adapter

    settings = options.settings_with()
    chosen = {name: value for name, value in given.items() if value is not None}
    if repeat and (dataset or chosen):
        raise SettingsError("--repeat takes data set and recipe from the run", "leave the other options out")
    folder = Path(output) if output else None
    with shown() as show:
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
    """Return a finished run for a person: where it lies, and the loss, which should fall."""
    return [
        terminal.style(str(report.folder), bold=True),
        f"  (MLflow run {report.run_id})\n",
        *_figures(report.result),
    ]


def repetition(report: "RepetitionReport") -> terminal.Line:
    """Return a repeated run for a person: whether the loss came out the same, and which packages differ."""
    again = report.repetition
    word = terminal.style("the same", fg="green") if again.agrees() else terminal.style("another loss", fg="yellow")
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
    longest = f", {result.left_out} left out as too long" if result.left_out else ""
    return [
        f"  loss           {curve([loss for _, loss in result.losses])}\n",
        f"  held-out loss  {before:.3f} before, ",
        terminal.style(f"{after:.3f}", bold=True),
        " after\n",
        f"  {result.train_examples} pairs{longest}; {result.tokens_per_second:.0f} tokens/s on {result.device}, "
        f"{result.seconds:.0f} s, {result.peak_memory_mb / 1024:.1f} GiB",
    ]


def curve(losses: list[float]) -> str:
    """Return losses as a line of bars, the first and the last as numbers."""
    if not losses:
        return "no step"
    step = max(1, len(losses) // WIDTH)
    means = [sum(part) / len(part) for at in range(0, len(losses), step) if (part := losses[at : at + step])]
    low, span = min(means), (max(means) - min(means)) or 1.0
    bars = "".join(BARS[round((loss - low) / span * (len(BARS) - 1))] for loss in means)
    return f"{losses[0]:.2f} {bars} {losses[-1]:.2f}"


@contextmanager
def shown() -> "Iterator[Callable[[str], None]]":
    """Yield what takes the job's lines: a bar with the loss where a person looks, the lines themselves elsewhere."""
    with progress.bar("starting") as draw:
        yield (lambda line: _draw(draw, line)) if draw else (lambda line: terminal.echo(line, err=True))


def _draw(draw: progress.Draw, line: str) -> None:
    found = STEP.search(line)
    if found:
        draw(f"loss {found['loss']}", int(found["step"]), int(found["steps"]))
