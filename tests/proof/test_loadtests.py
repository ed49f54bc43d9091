"""The load tests, headless, against the real service: their figures, their checks and their exit codes."""

import json
import re
from pathlib import Path

import pytest

from loadtests.checks import flat, recovered, scaled
from loadtests.steps import Staircase, Step
from ml.settings import Settings
from tests.support.service import serving
from tests.support.tools import locust


def figures_in(said: str) -> dict[str, dict[str, float]]:
    entries, _ = json.JSONDecoder().raw_decode(said[said.index("[\n") :])
    return {entry["name"]: entry for entry in entries}


def test_readers_are_answered_and_their_sources_open(indexed: Settings, tmp_path: Path) -> None:
    with serving(indexed) as url:
        said = locust("assistant", url, tmp_path, "-u", "6", "-r", "6", "-t", "8s", "--think", "0.2", "--json")
    figures = figures_in(said)
    for name in ("/api/ask", "/api/search", "/api/file", "first token", "whole answer", "cites"):
        assert figures[name]["num_requests"] > 0, name
        assert figures[name]["num_failures"] == 0, name


def test_a_rejected_reader_retries_and_that_is_not_a_failure(indexed: Settings, tmp_path: Path) -> None:
    with serving(indexed.model_copy(update={"max_running": 1, "max_waiting": 1, "max_per_caller": 0})) as url:
        said = locust("assistant", url, tmp_path, "-u", "12", "-r", "12", "-t", "8s", "--think", "0", "--json")
    figures = figures_in(said)
    assert figures["come again"]["num_requests"] > 0
    assert sum(entry["num_failures"] for entry in figures.values()) == 0


def test_an_assistant_without_an_index_is_a_one_line_error(tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path / "none"), data_dir=str(tmp_path / "data"), llm="none")
    with serving(settings) as url:
        said = locust("assistant", url, tmp_path, "-u", "1", "-t", "2s", code=1)
    assert "error: nothing is indexed there: run `codeintel index` first" in said


def test_a_soak_draws_memory_files_and_latency_over_time(indexed: Settings, tmp_path: Path) -> None:
    page = tmp_path / "soak.html"
    with serving(indexed) as url:
        said = locust("soak", url, tmp_path, "-u", "2", "-r", "2", "-t", "12s", "--think", "0.5", "--page", str(page))
    assert re.search(r"held +no file stays open", said)
    text = page.read_text()
    assert "memory is flat" in text
    assert "data:image/svg+xml" in text


@pytest.mark.parametrize(("growth", "held"), [(0.0, True), (0.1, True), (3.0, False)])
def test_growing_memory_is_distinguished_from_fluctuating_memory(growth: float, held: bool) -> None:
    memory = [(float(at), 200 + growth * at + 3 * (at % 2)) for at in range(60)]
    files = [(float(at), 40.0 + at % 3) for at in range(60)]
    memory_flat, closed = flat(memory, files)
    assert (memory_flat.held, closed.held) == (held, True)


def test_files_that_stay_open_are_detected() -> None:
    files = [(float(at), 40.0 + at) for at in range(60)]
    assert [check.held for check in flat([(float(at), 200.0) for at in range(60)], files)] == [True, False]


READY = [(float(at), float(1 if at < 24 else 3 if at < 50 else 0)) for at in range(60)]


def held(*users: int, seconds: float) -> list[Step]:
    """Return steps whose pods were ready at once."""
    return [Step(each, n * seconds, n * seconds, (n + 1) * seconds) for n, each in enumerate(users)]


def test_a_step_is_held_from_the_moment_its_pods_are_ready() -> None:
    load = Staircase([1, 6, 1], wanted=3, hold=10, patience=60)
    pods = [0] * 25 + [1] * 20 + [3] * 60
    wanted = [load.climb(float(at), ready) for at, ready in enumerate(pods)]
    assert [wanted.count(each) for each in (1, 6, None)] == [45, 20, 40]
    assert load.done == [Step(1, 0, 25, 35), Step(6, 35, 45, 55), Step(1, 55, 55, 65)]


def test_a_step_whose_pods_never_come_is_held_in_the_end() -> None:
    load = Staircase([6], wanted=3, hold=10, patience=60)
    assert [load.climb(float(at), 1) for at in range(80)].count(6) == 70
    assert load.done == [Step(6, 0, 60, 70)]


def test_scaling_is_read_from_the_ready_pods() -> None:
    come, gone = scaled(READY, held(1, 6, seconds=20), wanted=3, least=0)
    assert (come.held, come.seen) == (True, "3 ready at most, the first new one after 4 s")
    assert (gone.held, gone.seen) == (True, "the last one had gone after 10 s")
    come, gone = scaled(READY[:45], held(1, 6, seconds=20), wanted=4, least=0)
    assert (come.held, gone.held, gone.seen) == (False, False, "never")


def test_pods_that_stay_under_less_load_are_detected() -> None:
    _, fewer, gone = scaled(READY, held(1, 6, 1, seconds=18), wanted=3, least=0)
    assert (fewer.held, fewer.seen, gone.held) == (True, "the first had gone after 14 s", True)
    _, fewer, _ = scaled(READY[:50], held(1, 6, 1, seconds=18), wanted=3, least=0)
    assert (fewer.held, fewer.seen) == (False, "never")


@pytest.mark.parametrize(("loaded", "good"), [(150.0, True), (900.0, False)])
def test_a_latency_that_stays_high_has_not_recovered(loaded: float, good: bool) -> None:
    latencies = [(float(at), 100.0 if at < 20 else loaded) for at in range(40)]
    assert recovered(latencies, held(1, 6, seconds=20), recovery=2.0).held is good
    assert not recovered(latencies[:20], held(1, 6, seconds=20), recovery=2.0).held
    cold = [Step(1, 0, 0, 20), Step(6, 20, 34, 40)]  # what came before a step's pods were ready is not judged
    assert recovered([(at, 900.0 if 20 <= at < 38 else 100.0) for at, _ in latencies], cold, recovery=2.0).held
