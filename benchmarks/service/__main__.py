"""Measure the assistant's own share of a request and of a model server's throughput: `python -m benchmarks.service`.

A running service over the example index (`make ask` fetches it) is asked what loadtests/assistant.py asks:

- 50 questions a second arrive at random times, without an LLM: first about the repositories' key symbols,
  as Locust's readers ask, then each about another symbol, so that no question was ever asked before. The time counts from
  when a question was due, so that waiting in a queue is part of it; the CPU is that of the service's process alone.
- The same chat requests go to a bare model server, and their questions through the assistant that writes with it, by turns
  and from as many callers, more than the server has slots. Recorded first is what the assistant asks of the model, so that
  the bare server gets the same prompts. Beside it stands the assistant's own share then: the whole time of an answer
  without what its LLM took.
"""

import argparse
import json
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import httpx

from benchmarks.figures import Figure, at_least, at_most, machine, table
from benchmarks.processes import service
from benchmarks.service.load import CALLER, Body, Reply, arrivals, closed_loop, open_loop
from benchmarks.service.model import ASKED, NAME, model_server
from benchmarks.speed.measure import codeintel
from loadtests.checks import quantile
from loadtests.questions import QUESTIONS

ASK, CHAT = "/api/ask", "/v1/chat/completions"
EXAMPLES = Path(".cache/examples")
RATE = 50.0
OWN_MS = 40.0
CORE_MS = 1e3 / RATE  # CPU budget of one process for each question at that rate
LEAST_SHARE = 0.95
WARM = 100
KINDS = {"function", "method", "class"}


def index(store: str, folders: Sequence[Path]) -> None:
    """Index the folders. Raise ClickException if one is missing."""
    for folder in folders:
        if not folder.is_dir():
            raise click.ClickException(f"there is no {folder}: run `make ask` first, or name folders of yours")
        codeintel("index", str(folder), "--store", store)


def questions(store: str, seed: int = 1) -> list[str]:
    """Return a question about every symbol of an index, in a fixed random order."""
    from ml.index import open_index
    from ml.index.chunk import last_name
    from ml.settings import Settings

    opened, _ = open_index(Settings(store=store))
    places = [(repo.name, path) for repo in opened.repositories() for path in opened.files(repo.name)]
    chunks = [chunk for place in places for chunk in opened.chunks(*place)]
    opened.close()
    names = sorted({last_name(chunk.symbol) for chunk in chunks if chunk.kind in KINDS})
    asked = [question.format(symbol=name) for name in names for question in QUESTIONS]
    random.Random(seed).shuffle(asked)
    return asked


def central(address: str, seed: int = 1) -> Iterator[str]:
    """Yield, endlessly, questions about the key symbols of a service's repositories."""
    repositories = httpx.get(f"{address}/api/repos").json()
    symbols = [symbol for repository in repositories for symbol in repository["central_symbols"]]
    source = random.Random(seed)
    while True:
        yield source.choice(QUESTIONS).format(symbol=source.choice(symbols))


def alone(store: str, data: str, asked: Sequence[str], seconds: float) -> Iterator[Figure]:
    """Measure answers without an LLM at RATE questions a second."""
    with service(store, llm="none", data_dir=data, caller_header=CALLER) as served:
        closed_loop(served.address, ASK, [{"question": question} for question in asked[-WARM:]], callers=1)
        for name, source in (("", central(served.address)), (", all questions new", iter(asked))):
            times = arrivals(RATE, seconds)
            bodies = [{"question": next(source)} for _ in times]
            before = served.cpu_seconds()
            replies = open_loop(served.address, ASK, bodies, times)
            used = served.cpu_seconds() - before
            yield from own_share(f"own share at {RATE:g} requests/s{name}", [reply.seconds for reply in replies])
            yield at_most(f"CPU of an answer{name}, of a core at that rate", 1e3 * used / len(replies), "ms", CORE_MS)


def own_share(name: str, seconds: Sequence[float]) -> Iterator[Figure]:
    """Yield the quantiles of a duration with their limits."""
    for share in (0.5, 0.95, 0.99):
        yield at_most(f"{name}, p{share * 100:g}", 1e3 * quantile(seconds, share), "ms", OWN_MS)


def beside(store: str, data: str, asked: Sequence[str], given: argparse.Namespace) -> Iterator[Figure]:
    """Compare the throughput through the assistant with the model server's alone, in turns."""
    bodies: list[Body] = [{"question": question} for question in asked]
    with model_server(given.cost, given.slots) as model:
        settings = {"llm_url": f"{model.address}/v1", "llm_model": NAME, "data_dir": data, "caller_header": CALLER}
        with service(store, **settings) as assistant:
            bodies, prompts = recorded(model.address, assistant.address, bodies, given.callers)
            spent, replies = {CHAT: 0.0, ASK: 0.0}, list[Reply]()
            before = assistant.cpu_seconds()
            for _ in range(given.rounds):
                spent[CHAT] += closed_loop(model.address, CHAT, prompts, given.callers)[0]
                seconds, answers = closed_loop(assistant.address, ASK, bodies, given.callers)
                spent[ASK] += seconds
                replies += answers
            used = assistant.cpu_seconds() - before
    yield at_least("throughput through the assistant, of the bare server's", spent[CHAT] / spent[ASK], "", LEAST_SHARE)
    yield from own_share("own share beside an LLM", list(map(own_seconds, replies)))
    yield at_most("CPU of an answer beside an LLM", 1e3 * used / len(replies), "ms", CORE_MS)


def recorded(model: str, assistant: str, bodies: Sequence[Body], callers: int) -> tuple[list[Body], list[Body]]:
    """Ask the assistant once; return the requests that it sent to its model."""
    _, replies = closed_loop(assistant, ASK, bodies, callers)
    answers = [json.loads(reply.body) for reply in replies]
    reached: list[Body] = [{"question": answer["question"]} for answer in answers if answer["found"]]
    asked: list[dict[str, Any]] = httpx.get(f"{model}{ASKED}").json()
    if len(asked) != len(reached):
        raise RuntimeError(f"of {len(reached)} questions {len(asked)} came to the model: {notices(answers)}")
    prompts: list[Body] = [{"model": NAME, "stream": True, **request} for request in asked]
    return reached, prompts


def notices(answers: Sequence[Mapping[str, Any]]) -> str:
    """Return the distinct notices of the answers."""
    return "; ".join(dict.fromkeys(notice for answer in answers for notice in answer["notices"]))


def own_seconds(reply: Reply) -> float:
    """Return the seconds of an answer without its LLM's share. Raise RuntimeError if the LLM wrote nothing."""
    answer = json.loads(reply.body)
    if answer["notices"]:
        raise RuntimeError(notices([answer]))
    return reply.seconds - float(answer["timings"]["generate"])


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument(
        "folders", nargs="*", type=Path, help="what to index (default: the two that `make ask` fetches)"
    )
    parser.add_argument(
        "--seconds", type=float, default=60.0, help="how long questions come without an LLM (default: 60)"
    )
    parser.add_argument("--cost", type=float, default=1.0, help="seconds that the model takes a request (default: 1)")
    parser.add_argument("--slots", type=int, default=8, help="requests that it serves at once (default: 8)")
    parser.add_argument("--callers", type=int, default=16, help="callers at once (default: 16)")
    parser.add_argument("--requests", type=int, default=96, help="requests of a turn (default: 96)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each (default: 3)")
    parser.add_argument("--output", type=Path, help="write the figures here, as JSON")
    return parser.parse_args()


def main() -> None:
    """Measure, print a table, and write JSON if --output names a file."""
    given = options()
    with tempfile.TemporaryDirectory(prefix="codeintel-service-") as folder:
        store, data = f"{folder}/store", f"{folder}/data"
        index(store, given.folders or [EXAMPLES / "fastapi", EXAMPLES / "langchain-core"])
        asked = questions(store)
        figures = [
            *alone(store, data, asked, given.seconds),
            *beside(store, data, asked[-given.requests :], given),
        ]
    print(f"{machine()}\n\n{table(figures)}")
    if given.output:
        given.output.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n")


if __name__ == "__main__":
    main()
