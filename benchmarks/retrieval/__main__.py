"""Compare retrieval with plain BM25: `python -m benchmarks.retrieval --checkouts DIR`.

Each repository is indexed as `codeintel index` does, into a store of its own, and both methods answer the same
questions in the same run. Questions: those of a folder (`repos.json`, `NAME.json`), and the project's own, in Russian
and in English, over the released sources of fastapi and langchain-core, some about things that are not there.
"""

import argparse
import sys
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.checkouts import CHECKOUTS, PROJECT
from benchmarks.retrieval.absent import Judged, judge, verdicts
from benchmarks.retrieval.measure import Answered, ask_all, ask_plain, index
from benchmarks.retrieval.questions import RELEASES, find_checkout, read_lines, read_repos, released
from benchmarks.retrieval.report import by, half, mean_of_repos, row, table, write_json
from ml.index.embedder import open_embedder
from ml.index.embedder.base import Embedder
from ml.settings import Settings
from rag_service.retrieve.rules import RULES

QUESTIONS = PROJECT.parent / "shared" / "bench" / "code-questions"
SOURCE = "https://github.com/MinishLab/semble (its annotations, with a repos.json beside them)"
ABLATIONS = (*(rule.name for rule in RULES), "spread")


@dataclass(slots=True)
class Results:
    """Scores of ours, of the plain peer, and of ours without one rule; and the confidence's verdicts."""

    ours: list[Answered] = field(default_factory=list)
    plain: list[Answered] = field(default_factory=list)
    without: dict[str, list[Answered]] = field(default_factory=lambda: defaultdict(list))
    english: list[Answered] = field(default_factory=list)
    judged: list[Judged] = field(default_factory=list)


def main() -> None:
    """Read the options, measure, print the tables and write the figures."""
    options = _options()
    embedder = open_embedder(Settings())
    code = measure_code(options, embedder) if "code" in options.sets else Results()
    own = measure_own(embedder) if "own" in options.sets else Results()
    sections: dict[str, object] = {"embedder": embedder.name}
    if code.ours:
        sections["code"] = print_code(code)
    if own.ours:
        sections["own"] = print_own(own)
    sections["absent"] = print_absent(code.judged + own.judged)
    write_json(options.out, sections)
    print(f"\nwritten to {options.out}")


def measure_code(options: argparse.Namespace, embedder: Embedder) -> Results:
    """Ask the folder's questions of every available repository; print the unavailable ones."""
    results, missing = Results(), []
    for repo in read_repos(options.questions):
        folder = find_checkout(repo, options.checkouts, may_clone=options.clone)
        if folder is None:
            missing.append(repo.name)
            continue
        with index(repo.name, repo.language, folder, embedder) as corpus:
            results.ours += ask_all(corpus, repo.asks)
            results.plain += ask_plain(corpus, repo.asks)
            results.judged += judge(corpus, repo.asks, present=True)
            for name in ABLATIONS if options.ablations else ():
                results.without[name] += ask_all(corpus, repo.asks, without=name)
    if missing:
        print(f"not measured, because not there (--clone fetches them): {', '.join(missing)}", file=sys.stderr)
    return results


def measure_own(embedder: Embedder) -> Results:
    """Ask the project's own questions."""
    results = Results()
    russian, english, absent = read_lines("ru.jsonl"), read_lines("ru.jsonl", "query_en"), read_lines("absent.jsonl")
    for name in RELEASES:
        with index(name, "python", released(name), embedder) as corpus:
            asks = [ask for ask in russian if ask.repo == name]
            results.ours += ask_all(corpus, asks)
            results.english += ask_all(corpus, [ask for ask in english if ask.repo == name])
            results.plain += ask_plain(corpus, [ask for ask in english if ask.repo == name])
            results.judged += judge(corpus, asks, present=True)
            results.judged += judge(corpus, [ask for ask in absent if ask.repo == name], present=False)
    return results


def print_code(results: Results) -> dict[str, object]:
    """Print and return the tables of the folder's questions."""
    ours, plain = results.ours, results.plain
    rows = {
        "repository": by(lambda answered: answered.repo, ours, plain),
        "language": by(lambda answered: answered.language, ours, plain),
        "category": by(lambda answered: answered.ask.category, ours, plain),
        "half": [*by(half, ours, plain), row("all", ours, plain)],
    }
    for title, group in rows.items():
        print(f"\n{table(title, group)}")
    means = {"ours": mean_of_repos(ours), "plain": mean_of_repos(plain)}
    print(f"\nmean of repositories: {means['ours']:.3f}, plain BM25 {means['plain']:.3f}")
    for name, without in results.without.items():
        print(f"without {name}: {mean_of_repos(without) - means['ours']:+.3f}")
    return {**rows, "means": means, "without": {name: mean_of_repos(found) for name, found in results.without.items()}}


def print_own(results: Results) -> dict[str, object]:
    """Print and return the tables of the project's own questions, in Russian and in English."""
    russian, english, plain = results.ours, results.english, results.plain
    rows = {
        "Russian question": [*by(half, russian, plain), row("all", russian, plain)],
        "the same in English": [*by(half, english, plain), row("all", english, plain)],
    }
    for title, group in rows.items():
        print(f"\n{table(title, group)}")
    return dict(rows)


def print_absent(judged: list[Judged]) -> list[object]:
    """Print and return how often the confidence decides wrongly."""
    found = list(verdicts(judged))
    print("\n| confidence | questions | wrong |\n|---|--:|--:|")
    for verdict in found:
        print(f"| {verdict.group} | {verdict.questions} | {verdict.wrong} |")
    return list(found)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrieval", description=__doc__)
    parser.add_argument("--questions", type=Path, default=QUESTIONS, help="folder with repos.json and NAME.json")
    parser.add_argument("--checkouts", type=Path, default=CHECKOUTS, help="repositories lie at DIR/NAME")
    parser.add_argument("--clone", action="store_true", help="clone repositories that are not there, at their revision")
    parser.add_argument(
        "--sets", nargs="+", choices=("code", "own"), default=("code", "own"), help="which questions to ask"
    )
    parser.add_argument("--ablations", action="store_true", help="measure again without each rule")
    parser.add_argument("--out", type=Path, default=PROJECT / ".cache" / "retrieval.json", help="file for the figures")
    options = parser.parse_args()
    if "code" in options.sets and not (options.questions / "repos.json").is_file():
        parser.error(f"no questions at {options.questions}: take them from {SOURCE}, or ask --sets own only")
    options.checkouts.mkdir(parents=True, exist_ok=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    return options


if __name__ == "__main__":
    main()
