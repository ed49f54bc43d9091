"""`codeintel pipeline`: run the learning loop locally, or compile it for a cluster."""

import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ml.errors import SettingsError
from ml.training.runtime import SLICES
from rag_service.cli import options, progress, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.pipelines.local import Outcome, Progress
    from ml.settings import Settings


@click.group(short_help="Run the learning loop, or compile it.")
def pipeline() -> None:
    """Run the learning loop as one pipeline: index, dataset, train, evaluate, promote."""


@pipeline.command()
@click.argument("sources", nargs=-1, metavar="[PATH_OR_URL]...")
@click.option("--pinned", metavar="FILE", type=click.Path(path_type=Path), help="A manifest of pinned repositories.")
@click.option(
    "--by-hand", metavar="FILE", type=click.Path(path_type=Path), help="Pairs written by hand, see `dataset`."
)
@click.option("--size", default=300, show_default=True, help="Number of pairs.")
@click.option("--seed", default=7, show_default=True, help="The same seed and code produce the same pairs.")
@click.option("--epochs", default=1.0, show_default=True, help="Number of passes over the pairs.")
@click.option(
    "--max-steps", default=-1, show_default=True, help="Stop the training after this many steps; -1: no limit."
)
@click.option("--questions", default=100, show_default=True, help="Number of held-out questions.")
@options.store_option
@options.json_option
def run(
    sources: tuple[str, ...],
    pinned: Path | None,
    by_hand: Path | None,
    size: int,
    seed: int,
    epochs: float,
    max_steps: int,
    questions: int,
    store: str | None,
    as_json: bool,
) -> None:
    """Train an adapter on repositories (PATH_OR_URL or --pinned; default: those indexed) and promote or reject it.

    Each stage is a process on this machine; its artifacts are files in the data folder. To resume a run, start it again.
    """
    from ml.handover import pipelines_folder
    from ml.pipelines.local import run_learning

    if sources and pinned:
        raise SettingsError("both repositories and a manifest are given", "pass either PATH_OR_URL or --pinned FILE")
    settings = options.settings_with(store=store)
    arguments = {
        "sources": [_absolute(source) for source in sources] or ([] if pinned else _indexed(settings)),
        "pinned": str(pinned.resolve()) if pinned else "",
        "by_hand": str(by_hand.resolve()) if by_hand else "",
        "size": size,
        "seed": seed,
        "epochs": epochs,
        "max_steps": max_steps,
        "questions": questions,
    }
    with show_stages() as show:
        outcome = run_learning(settings, pipelines_folder(settings), arguments, show)
    if as_json:
        terminal.print_json({"promoted": outcome.promoted, "reasons": outcome.reasons, "report": outcome.report})
    else:
        terminal.echo(*summary(outcome))


@pipeline.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option(
    "--registry", metavar="PREFIX", default="", help="Registry to which `make images` pushed the image of the stages."
)
@click.option(
    "--slices",
    type=click.IntRange(min=1),
    default=SLICES,
    show_default=True,
    help="How many `nvidia.com/gpu` the cluster offers; training takes all.",
)
@click.option(
    "--at-once",
    type=click.IntRange(min=1),
    help="How many indexing stages run side by side; each requests 1 CPU and 2 GiB.  [default: 2]",
)
def compile(folder: Path | None, registry: str, slices: int, at_once: int | None) -> None:  # noqa: A001  # the command's name
    """Write the pipelines for Kubeflow Pipelines into FOLDER, as IR YAML."""
    from ml.pipelines.compile import compile_pipelines

    for file in compile_pipelines(folder or Path.cwd(), registry, slices, at_once):
        terminal.echo(str(file))


@contextmanager
def show_stages() -> "Iterator[Progress]":
    """Yield a callback that prints each stage's duration and, in a terminal, its current output."""
    begun: dict[str, float] = {}

    def finish() -> None:
        for stage, since in begun.items():
            terminal.print_aside(f"{stage:<20}{time.monotonic() - since:6.1f} s", fg="green")
        begun.clear()

    with progress.status() as status:

        def show(stage: str, line: str) -> None:
            if not line:
                finish()
                begun[stage] = time.monotonic()
            status(f"{stage}  {line}")

        yield show
    finish()


def summary(outcome: "Outcome") -> terminal.Line:
    """Format the outcome of a run as text."""
    word = terminal.style("promoted", fg="green") if outcome.promoted else terminal.style("not promoted", fg="yellow")
    return [word, f": {'; '.join(outcome.reasons)}\nThe report: ", terminal.style(outcome.report, fg="cyan")]


def _absolute(source: str) -> str:
    """Return an absolute path, because stages run in other folders."""
    return str(Path(source).resolve()) if Path(source).exists() else source


def _indexed(settings: "Settings") -> list[str]:
    from ml.index import open_index

    store, _ = open_index(settings)
    with closing(store):
        return [repository.source for repository in store.repositories()]
