"""Measure speed against the project's own limits: `python -m benchmarks.speed [--chunks 100000]`.

Index the standard library and the installed packages of this environment, again under other names until there are
enough chunks; then query a running service, and start processes. Each figure has its limit beside it.
"""

import argparse
import json
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import httpx

from benchmarks.figures import Figure, at_least, at_most, machine, table
from benchmarks.processes import service
from benchmarks.speed.measure import Run, codeintel, run
from loadtests.checks import quantile

QUERIES = (
    "where is the retry policy set",
    "how is a connection returned to the pool",
    "parse an HTTP header",
    "getUserById",
    "class that writes zip archives",
    "how are command line arguments parsed",
    "where is the time-out of a socket set",
    "convert a datetime to another time zone",
    "кто закрывает соединение при ошибке",
    "JSONDecodeError",
    "topological sort of dependencies",
    "how does logging find the handler of a record",
)


def folders() -> list[Path]:
    """Return folders of real code that every machine with this project has: installed packages and the standard library."""
    paths = sysconfig.get_paths()
    return [Path(paths["purelib"]), Path(paths["stdlib"])]


def index_until(chunks: int, store: str) -> tuple[list[dict[str, object]], list[Run]]:
    """Index the folders, repeatedly under other names, until the store has so many chunks."""
    reports: list[dict[str, object]] = []
    runs: list[Run] = []
    while sum(int(str(report["chunks"])) for report in reports) < chunks:
        for folder in folders():
            made = codeintel("index", str(folder), "--name", f"{folder.name}-{len(runs)}", "--store", store, "--json")
            runs.append(made)
            reports.extend(made.json())
    return reports, runs


def indexing(reports: list[dict[str, object]], runs: list[Run], store: str) -> Iterator[Figure]:
    """Measure the first indexing, its memory, and a second run over the unchanged first folder."""
    total = sum(int(str(report["chunks"])) for report in reports)
    yield at_least("index, everything included", total / sum(made.seconds for made in runs), "chunks/s", 1_000)
    yield at_most(f"peak memory, up to {total:,} chunks", max(made.peak_bytes for made in runs) / 2**30, "GiB", 1.5)
    folder = folders()[0]
    again = codeintel("index", str(folder), "--name", f"{folder.name}-0", "--store", store, "--json")
    yield at_most("second run, nothing changed, of the first one's time", again.seconds / runs[0].seconds, "", 0.05)


def querying(store: str, rounds: int = 20) -> Iterator[Figure]:
    """Measure searches in a running service, over HTTP."""
    seconds = []
    with service(store) as served, httpx.Client(base_url=served.address) as client:
        for query in QUERIES:
            client.post("/api/search", json={"query": query})
        for _ in range(rounds):
            for query in QUERIES:
                start = time.perf_counter()
                client.post("/api/search", json={"query": query}).raise_for_status()
                seconds.append(time.perf_counter() - start)
    yield at_most("search in a running service, p50", 1e3 * quantile(seconds, 0.5), "ms", 30)
    yield at_most("search in a running service, p95", 1e3 * quantile(seconds, 0.95), "ms", 100)


def starting(store: str, rounds: int = 7) -> Iterator[Figure]:
    """Measure whole processes: the second-best round, so that one disturbed round does not count."""
    bare = quantile([run((sys.executable, "-c", "pass")).seconds for _ in range(rounds)], 0.5)
    yield at_most("python -c pass (the floor)", bare, "s", 0.25)
    helps = [codeintel("--help").seconds for _ in range(rounds)]
    yield at_most("codeintel --help", quantile(helps, 0.5), "s", 0.25)
    searches = [codeintel("search", QUERIES[0], "--store", store).seconds for _ in range(rounds)]
    yield at_most("codeintel search, whole process", quantile(searches, 0.5), "s", 0.6)


def stages(reports: list[dict[str, object]]) -> dict[str, float]:
    """Sum the seconds of each stage over all runs."""
    total: dict[str, float] = {}
    for report in reports:
        for stage, seconds in dict(report["stages"]).items():  # type: ignore[call-overload]  # JSON
            total[stage] = total.get(stage, 0.0) + seconds
    return total


def main() -> None:
    """Measure, print a table, and write JSON if --output names a file."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("--chunks", type=int, default=100_000, help="size of the index (default: 100000)")
    parser.add_argument("--output", type=Path, help="write the figures here, as JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="codeintel-speed-") as folder:
        store = str(Path(folder) / "store")
        reports, runs = index_until(arguments.chunks, store)
        figures = [*indexing(reports, runs, store), *querying(store), *starting(store)]
    shares = stages(reports)
    print(f"{machine()}\n\n{table(figures)}")
    print("\nStages: " + ", ".join(f"{name} {seconds / sum(shares.values()):.0%}" for name, seconds in shares.items()))
    if arguments.output:
        document = {"figures": [asdict(figure) for figure in figures], "stages": shares}
        arguments.output.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
