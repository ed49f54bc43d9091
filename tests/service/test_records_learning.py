"""Learning from the records: the same pairs and the same drift, from the journals and from Langfuse."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ml.evaluation.drift import LEAST_QUESTIONS
from ml.settings import Settings, get_settings
from ml.training.examples import Example, read_examples, write_examples
from rag_service.answer.asker import Asker
from rag_service.answer.assistant import open_assistant
from rag_service.cli import cli
from rag_service.record import record_feedback
from tests.support.depot import make_depot
from tests.support.indexing import index_folder
from tests.support.langfuse_double import PUBLIC, SECRET, Langfuse, langfuse_double

SOURCES = ["journals", "langfuse"]
LIKED = "which clerk's camera takes the photo of a return?"
DISPUTED = "how is a load split between couriers?"
REFUSED = [f"Как приготовить {dish} к {number} часам?" for dish in ("борщ", "плов") for number in range(10)]
ASKED = [LIKED, DISPUTED, *(f"What does the depot do with parcel number {number}?" for number in range(20)), *REFUSED]


@pytest.fixture(scope="module")
def langfuse() -> Iterator[Langfuse]:
    with langfuse_double() as double:
        yield double


@pytest.fixture(scope="module")
def depot(langfuse: Langfuse, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of an assistant that answered ASKED, got ratings and sent its traces to Langfuse."""
    folder = tmp_path_factory.mktemp("depot")
    settings = Settings(store=str(folder / "store"), data_dir=str(folder / "data"), llm="none")
    index_folder(settings, make_depot(folder / "depot"))
    with open_assistant(settings.model_copy(update=langfuse.sending())) as assistant:
        ids = {question: assistant.answer(question).id for question in ASKED}
        for question, verdict in ((LIKED, "up"), (DISPUTED, "up"), (DISPUTED, "down")):
            about = record_feedback(settings, ids[question], verdict)  # type: ignore[arg-type]
            assistant.trace_feedback(about, Asker())
            time.sleep(0.005)  # the later of two verdicts counts, and Langfuse keeps milliseconds
    return settings


@pytest.fixture
def from_source(
    depot: Settings, langfuse: Langfuse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[None]:
    """Make the commands read from one source alone: with Langfuse, the data folder is empty."""
    own = {"store": depot.store, "data_dir": depot.data_dir, "llm": "none"}
    if request.param == "langfuse":
        keys = {"langfuse_url": langfuse.url, "langfuse_public_key": PUBLIC, "langfuse_secret_key": SECRET}
        own |= {"data_dir": str(tmp_path / "empty"), **keys}
    for name, value in own.items():
        monkeypatch.setenv(f"CODEINTEL_{name.upper()}", value)
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def run(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(cli, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    """Collect the first source's results, to compare with the second's."""
    return {}


@pytest.mark.parametrize("from_source", SOURCES, indirect=True)
def test_both_sources_yield_the_same_pairs(from_source: None, seen: dict[str, Any], tmp_path: Path) -> None:
    report = run("dataset", "--size", "80", "--output", str(tmp_path))
    pairs = [example for name in ("train", "held_out") for example in read_examples(tmp_path / f"{name}.jsonl")]
    assert {example.question for example in pairs if example.origin == "feedback"} == {LIKED}
    assert report["dropped"]["rated down"] == 1
    assert seen.setdefault("digest", report["digest"]) == report["digest"]


@pytest.mark.parametrize("from_source", SOURCES, indirect=True)
def test_both_sources_yield_the_same_drift(from_source: None, seen: dict[str, Any], tmp_path: Path) -> None:
    evaluated = [f"Which courier carries parcel number {number}?" for number in range(LEAST_QUESTIONS)]
    examples = [Example(question=question, context="1| x", answer="x") for question in evaluated]
    write_examples(tmp_path / "held_out.jsonl", examples)
    figures = run("drift", "--dataset", str(tmp_path)) | {"made": ""}
    assert figures["asked"] == len(ASKED)
    assert figures["drifted"] is True
    assert figures["refused_share"] == pytest.approx(len(REFUSED) / len(ASKED))
    assert figures["down_share"] == 0.5
    assert seen.setdefault("drift", figures) == figures


@pytest.mark.parametrize("from_source", SOURCES, indirect=True)
def test_doctor_names_the_source_of_records(from_source: None, langfuse: Langfuse, depot: Settings) -> None:
    report = run("doctor")
    (check,) = (check for check in report["checks"] if check["name"] == "records")
    assert check["state"] == "ok"
    place = f"Langfuse at {langfuse.url}" if report["settings"]["langfuse_url"] else f"the journals in {depot.data_dir}"
    assert check["found"] == place
    assert SECRET not in json.dumps(report)


@pytest.mark.parametrize("from_source", ["langfuse"], indirect=True)
def test_rejected_keys_are_a_one_line_error(from_source: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEINTEL_LANGFUSE_SECRET_KEY", "sk-lf-other")
    get_settings.cache_clear()
    for command in ("dataset", "drift", "doctor"):
        done = CliRunner().invoke(cli, [command, "--json"])
        assert done.exit_code == 1
        assert "rejects the keys" in done.output + str(done.exception)
