"""`codeintel train`: an adapter from the pairs."""

import hashlib
import json
import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rag_service.cli import options, progress, terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ml.training.result import TrainingResult

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
@click.option("--learning-rate", type=float, help="How far a step goes.")
@click.option("--seed", type=int, help="The same seed and pairs give the same adapter.")
@options.json_option
def train(dataset: str | None, output: str | None, as_json: bool, **given: Any) -> None:
    """Fine-tune the base model (LoRA) on question-answer pairs, and log the run in MLflow.

    A run that was killed goes on from its last checkpoint; one that is finished is not trained again.
    """
    from ml.registry.logged import log_once
    from ml.registry.mlflow_client import tracking_address
    from ml.training.base_model import open_base_model
    from ml.training.job import TrainingData
    from ml.training.job import train as train_adapter
    from ml.training.recipe import Recipe
    from rag_service.answer.prompt import training_texts
    from rag_service.evaluation.files import learning

    settings = options.settings_with()
    recipe = Recipe(**{name: value for name, value in given.items() if value is not None})
    pairs = Path(dataset or learning(settings) / "dataset").resolve()
    texts = training_texts(writes=settings.base_model != "embedded")
    data = TrainingData(pairs / "train.jsonl", pairs / "held_out.jsonl", *texts)
    base = open_base_model(settings.base_model)
    folder = Path(output) if output else learning(settings) / "runs" / _named(data, base.digest, recipe.as_dict())
    with shown() as show:
        result = train_adapter(data, base, recipe, folder, settings, show)
    run_id = log_once(tracking_address(settings), data, base, recipe, result, Path(__file__).parents[2])
    if as_json:
        terminal.print_json(as_dict(result, folder, run_id))
    else:
        terminal.echo(*summary(result, folder, run_id))


def as_dict(result: "TrainingResult", folder: Path, run_id: str) -> dict[str, Any]:
    """Gives a finished run for programs."""
    return {
        "folder": str(folder.resolve()),
        "run_id": run_id,
        "held_out_loss_before": result.held_out_loss_before,
        "held_out_loss_after": result.held_out_loss_after,
        "losses": result.losses,
        "train_examples": result.train_examples,
        "left_out": result.left_out,
        "seconds": round(result.seconds, 1),
        "tokens_per_second": round(result.tokens_per_second, 1),
        "device": result.device,
    }


def summary(result: "TrainingResult", folder: Path, run_id: str) -> terminal.Line:
    """Return a finished run for a person: where it lies, and the loss, which should fall."""
    before, after = result.held_out_loss_before, result.held_out_loss_after
    longest = f", {result.left_out} left out as too long" if result.left_out else ""
    return [
        terminal.style(str(folder), bold=True),
        f"  (MLflow run {run_id})\n",
        f"  loss           {curve([loss for _, loss in result.losses])}\n",
        f"  held-out loss  {before:.3f} before, ",
        terminal.style(f"{after:.3f}", bold=True),
        " after\n",
        f"  {result.train_examples} pairs{longest}; {result.tokens_per_second:.0f} tokens/s on {result.device}, "
        f"{result.seconds:.0f} s, {result.peak_memory_mb / 1024:.1f} GiB",
    ]


def curve(losses: list[float]) -> str:
    """Draws losses in one line, the first and the last as numbers."""
    if not losses:
        return "no step"
    step = max(1, len(losses) // WIDTH)
    means = [sum(part) / len(part) for at in range(0, len(losses), step) if (part := losses[at : at + step])]
    low, span = min(means), (max(means) - min(means)) or 1.0
    bars = "".join(BARS[round((loss - low) / span * (len(BARS) - 1))] for loss in means)
    return f"{losses[0]:.2f} {bars} {losses[-1]:.2f}"


def _named(data: Any, base_digest: str, recipe: dict[str, Any]) -> str:
    """Names a run by what it is made of, so that the same one is found again."""
    about = json.dumps([data.digest, data.system, data.prompt, base_digest, recipe], sort_keys=True)
    return hashlib.sha256(about.encode()).hexdigest()[:12]


@contextmanager
def shown() -> "Iterator[Callable[[str], None]]":
    """Yield what takes the job's lines: a bar with the loss where a person looks, the lines themselves elsewhere."""
    with progress.bar("starting") as draw:
        yield (lambda line: _draw(draw, line)) if draw else (lambda line: terminal.echo(line, err=True))


def _draw(draw: progress.Draw, line: str) -> None:
    found = STEP.search(line)
    if found:
        draw(f"loss {found['loss']}", int(found["step"]), int(found["steps"]))
