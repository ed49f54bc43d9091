"""Measure answers: `python -m benchmarks.answers --questions DIR --checkouts DIR [--llm]`.

Each repository is indexed as `codeintel index` does, and the assistant is asked the questions of a folder, without an LLM
and, with --llm, with the one that the settings name; beside it stands plain RAG: the best five of plain BM25's windows of 40
lines, and the same LLM. An LLM answers the first questions of each repository, until its share of the minutes is spent.

Half of the repositories, every second one by name, is held out: nothing may be tuned on it.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.answers.absent import AbsentAnswer, ask_absent, table_of_absent
from benchmarks.answers.measures import Scored, read, score
from benchmarks.answers.pictures import draw
from benchmarks.answers.questions import QUESTIONS, REVISIONS, SOURCE, Question, find_checkout, read_questions
from benchmarks.answers.reading import READ, readable, summary
from benchmarks.answers.reference import Repository
from benchmarks.answers.report import Table, tables
from benchmarks.answers.systems import EVIDENCE, LLM, PLAIN, PLAIN_LLM, WITH_LLM, Ask, open_systems
from benchmarks.checkouts import CHECKOUTS, PROJECT
from benchmarks.figures import machine
from benchmarks.retrieval.measure import index, texts
from ml.index.embedder import open_embedder
from ml.settings import Settings


def main() -> None:
    """Read the options, ask, write every answer as it comes, and print the tables."""
    options = _options()
    scored, absent = list[Scored](), list[AbsentAnswer]()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", encoding="utf-8", buffering=1) as file:
        for each in _measure(options, absent):
            scored.append(each)
            file.write(_line(each.as_dict()))
    options.out.with_suffix(".absent.jsonl").write_text("".join(_line(asdict(each)) for each in absent))
    if options.read:
        print(readable(scored, options.read))
        return
    print(f"{machine()}\n")
    _print([*tables(scored), *([table_of_absent(absent)] if absent else [])], markdown=options.markdown)
    if options.picture:
        draw(scored, options.picture)
    print(f"{READ.name}: {summary(READ.read_text(encoding='utf-8'))}\n\nevery answer is in {options.out}")


def _measure(options: argparse.Namespace, absent: list[AbsentAnswer]) -> Iterator[Scored]:
    """Ask and score, a repository after the other; print which are missing, add verdicts on absent things to `absent`."""
    folders = {name: find_checkout(name, options.checkouts, may_clone=options.clone) for name in options.repos}
    if missing := [name for name, folder in folders.items() if folder is None]:
        print(f"not measured, because not there (--clone fetches them): {', '.join(missing)}", file=sys.stderr)
    there = {name: folder for name, folder in folders.items() if folder}
    llm_seconds = 60 * options.llm_minutes / max(1, len(there))
    for name, folder in there.items():
        repository = Repository(texts(folder, Settings().max_file_bytes))
        for file in options.beside:
            yield from _earlier(file, name, repository)
        if options.systems:
            yield from _ask_about(name, folder, repository, options, absent, llm_seconds)


def _ask_about(
    name: str,
    folder: Path,
    repository: Repository,
    options: argparse.Namespace,
    absent: list[AbsentAnswer],
    llm_seconds: float,
) -> Iterator[Scored]:
    """Ask one repository's questions."""
    questions = read_questions(options.questions, name)[: options.sample]
    with (
        index(name, "python", folder, open_embedder(Settings())) as corpus,
        open_systems(corpus, repository, options.systems) as systems,
    ):
        quick = {system: ask for system, ask in systems.items() if system not in WITH_LLM}
        slow = {system: ask for system, ask in systems.items() if system in WITH_LLM}
        absent += ask_absent(name, repository, quick)
        yield from _ask(quick, questions, repository, float("inf"))
        yield from _ask(slow, questions, repository, llm_seconds)


def _ask(
    systems: Mapping[str, Ask], questions: Iterable[Question], repository: Repository, seconds: float
) -> Iterator[Scored]:
    """Put each question to each system, until the time is spent."""
    end = time.monotonic() + seconds
    for question in questions:
        if time.monotonic() > end:
            return
        for system, ask in systems.items():
            yield score(system, question, ask(question.text), repository)


def _earlier(file: Path, repo: str, repository: Repository) -> Iterator[Scored]:
    """Score a repository's answers of an earlier run as they are scored now."""
    for entry in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
        if entry["question"]["repo"] == repo:
            yield score(f"{file.stem}: {entry['system']}", *read(entry), repository)


def _print(found: Sequence[Table], *, markdown: bool) -> None:
    for table in found:
        if markdown or not sys.stdout.isatty():
            print(f"{table.markdown()}\n")
        else:
            table.show()


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False) + "\n"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.answers", description=__doc__)
    parser.add_argument("--questions", type=Path, default=QUESTIONS, help="folder with NAME.jsonl")
    parser.add_argument("--checkouts", type=Path, default=CHECKOUTS, help="repositories lie at DIR/NAME")
    parser.add_argument("--clone", action="store_true", help="clone repositories that are not there, at their revision")
    parser.add_argument("--repos", nargs="+", choices=sorted(REVISIONS), default=sorted(REVISIONS))
    parser.add_argument("--systems", nargs="*", choices=(EVIDENCE, PLAIN), default=[EVIDENCE, PLAIN])
    parser.add_argument("--llm", action="store_true", help="ask the LLM of the settings too, in both systems")
    parser.add_argument("--llm-minutes", type=float, default=60.0, help="how long the LLM may take (default: 60)")
    parser.add_argument(
        "--sample", type=int, help="ask only so many questions of each repository, of all kinds in turn"
    )
    parser.add_argument(
        "--beside", type=Path, nargs="+", default=[], metavar="FILE", help="answers of earlier runs to compare with"
    )
    parser.add_argument("--read", type=int, metavar="N", help="print N answers, to be read and marked, and no tables")
    parser.add_argument("--markdown", action="store_true", help="print Markdown in a terminal too")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the shares here, as SVG; needs matplotlib")
    parser.add_argument(
        "--out",
        type=Path,
        default=PROJECT / ".cache" / "answers.jsonl",
        help="file for every answer; those about absent things lie beside it",
    )
    options = parser.parse_args()
    if not any((options.questions / f"{name}.jsonl").is_file() for name in options.repos):
        parser.error(f"no questions at {options.questions}: take them from {SOURCE}")
    options.systems += [LLM, PLAIN_LLM] if options.llm else []
    return options


if __name__ == "__main__":
    main()
