"""`codeintel pipeline`: the whole learning loop in one go, here or compiled for a cluster."""

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


@click.group(short_help="Run the whole learning loop, or compile it.")
def pipeline() -> None:
    """The learning loop as one pipeline: index, dataset, train, evaluate, promote."""


@pipeline.command()
@click.argument("sources", nargs=-1, metavar="[PATH_OR_URL]...")
@click.option("--pinned", metavar="FILE", type=click.Path(path_type=Path), help="A manifest of pinned repositories.")
@click.option("--by-hand", metavar="FILE", type=click.Path(path_type=Path), help="Pairs of your own, see `dataset`.")
@click.option("--size", default=300, show_default=True, help="How many pairs.")
@click.option("--seed", default=7, show_default=True, help="The same seed and code give the same pairs.")
@click.option("--epochs", default=1.0, show_default=True, help="How often each pair is seen.")
@click.option("--max-steps", default=-1, show_default=True, help="Stops the training after so many steps; -1: none.")
@click.option("--questions", default=100, show_default=True, help="How many held-out questions are asked.")
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
    """Go from repositories (PATH_OR_URL or --pinned; by default those that are indexed) to a promoted or refused adapter.

    Each stage is a process on this machine, and its artifacts are files in the data folder. A stopped run is started again.
    """
    from ml.handover import pipelines_folder
    from ml.pipelines.local import run_learning

    if sources and pinned:
        raise SettingsError("there are repositories and a manifest", "give PATH_OR_URL, or --pinned FILE alone")
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
    with shown() as show:
        outcome = run_learning(settings, pipelines_folder(settings), arguments, show)
    if as_json:
        terminal.print_json({"promoted": outcome.promoted, "reasons": outcome.reasons, "report": outcome.report})
    else:
        terminal.echo(*summary(outcome))


@pipeline.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--registry", metavar="PREFIX", default="", help="Where `make images` pushed the stages' image.")
@click.option(
    "--slices",
    type=click.IntRange(min=1),
    default=SLICES,
    show_default=True,
    help="How many `nvidia.com/gpu` the cluster offers; training takes all.",
)
def compile(folder: Path | None, registry: str, slices: int) -> None:  # noqa: A001  # the command's name
    """Write the pipelines as IR YAML into FOLDER, for Kubeflow Pipelines on a cluster."""
    from ml.pipelines.compile import compile_pipelines

    for file in compile_pipelines(folder or Path.cwd(), registry, slices):
        terminal.echo(str(file))


@contextmanager
def shown() -> "Iterator[Progress]":
    """Yield what shows the stages: a line each with its seconds, and where a person looks what it does just now."""
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
    """Return the end of a run for a person."""
    word = terminal.style("promoted", fg="green") if outcome.promoted else terminal.style("not promoted", fg="yellow")
    return [word, f": {'; '.join(outcome.reasons)}\nThe report: ", terminal.style(outcome.report, fg="cyan")]


def _absolute(source: str) -> str:
    """Return a path that a stage, which runs in a folder of its own, finds too."""
    return str(Path(source).resolve()) if Path(source).exists() else source


def _indexed(settings: "Settings") -> list[str]:
    from ml.index import open_index

    store, _ = open_index(settings)
    with closing(store):
        return [repository.source for repository in store.repositories()]
