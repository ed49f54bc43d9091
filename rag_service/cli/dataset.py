"""`codeintel dataset`: generate question-answer pairs from the index."""

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from rag_service.cli import options, progress, terminal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ml.dataset.make import DatasetReport, Progress


@click.command(short_help="Generate question-answer pairs from the index.")
@click.argument("sources", nargs=-1, metavar="[PATH_OR_URL]...")
@click.option(
    "--output",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Output folder.  [default: learning/dataset in the data folder]",
)
@click.option("--size", default=300, show_default=True, metavar="N", help="Number of pairs, including held-out ones.")
@click.option("--seed", default=7, show_default=True, metavar="N", help="The same seed and index give the same pairs.")
@click.option("--repo", "repos", multiple=True, metavar="R", help="Only from this repository (repeatable).")
@click.option(
    "--by-hand",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Pairs written by hand, JSONL: question, answer, repo, file_path, line_start, line_end.",
)
@click.option(
    "--form",
    type=click.Choice(["sentence", "evidence"]),
    help="sentence: for an LLM that adds a sentence; evidence: for one that writes answers.  [default: depends on base_model]",
)
@click.option(
    "--feedback",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of the service's audit log and feedback.  [default: Langfuse at langfuse_url, else the data folder]",
)
@click.option("--paraphrase", is_flag=True, help="Rephrase the questions with the configured LLM.")
@options.store_option
@options.json_option
def dataset(
    sources: tuple[str, ...],
    output: Path | None,
    size: int,
    seed: int,
    repos: tuple[str, ...],
    by_hand: Path | None,
    form: str | None,
    feedback: Path | None,
    paraphrase: bool,
    store: str | None,
    as_json: bool,
) -> None:
    """Generate question-answer pairs for fine-tuning and evaluation, each with its code and a link to it.

    Sources: all indexed repositories, or only PATH_OR_URL, which is indexed first; answers of the service that
    readers rated up; and a file of your own.
    """
    from rag_service.learning.dataset import DatasetRequest, make_pairs

    settings = options.settings_with(store=store)
    if sources:
        from rag_service.cli.index import index_all

        repos += tuple(report.repository.name for report in index_all(sources, settings))
    request = DatasetRequest(output, size, seed, repos, by_hand, form, feedback, paraphrase)
    with _progress_bar() as draw:
        report = make_pairs(settings, request, draw)
    if as_json:
        terminal.print_json(report.as_dict())
    else:
        terminal.echo(*summary(report))


def summary(report: "DatasetReport") -> terminal.Line:
    """Format the report as text."""
    counts = f"{report.train} training pairs, {report.held_out} held out"
    kinds = f"{report.held_out_learn} for the loss, {report.absent} about absent things"
    line: list[terminal.Part] = [terminal.style(report.output, bold=True), f"  {counts} ({kinds})"]
    for label, counted in (("from", report.origins), ("left out", report.dropped)):
        if counted:
            listed = ", ".join(f"{count:,} {name}" for name, count in counted.items())
            line += ["\n", terminal.style(f"  {label}: {listed}", dim=True)]
    return [*line, "\n", terminal.style(f"  digest: {report.digest}", dim=True)]


@contextmanager
def _progress_bar() -> "Iterator[Progress | None]":
    """Yield a progress callback, or None if stderr is not a terminal."""
    with progress.bar("choosing pairs") as draw:
        yield (lambda done, total: draw("choosing pairs", done, total)) if draw else None
