"""Answers and feedback read back from Langfuse equal the journals', however many pages they take."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from ml import langfuse as reader
from ml.errors import RecordError, SettingsError
from ml.records import Journals, Records, open_records
from ml.settings import Settings, get_settings
from rag_service.answer.asker import Asker
from rag_service.answer.assistant import open_assistant
from rag_service.tracing import Tracer, open_tracer
from tests.support.langfuse_double import PUBLIC, Langfuse, langfuse_double
from tests.support.llm_server import llm_server, says
from tests.support.otlp_receiver import Span
from tests.support.service import serving

SECRET = "AKIA" + "IOSFODNN7EXAMPLQ"
QUESTIONS = [
    "Where is the number of attempts to charge an order set?",
    "Кто вызывает charge_order?",
    f"Where is the charge of an order made with {SECRET}?",
    "Which planet has the most moons?",
]
SOURCES = ["journals", "langfuse"]


@pytest.fixture(scope="module")
def langfuse() -> Iterator[Langfuse]:
    with langfuse_double() as double:
        yield double


@pytest.fixture(scope="module")
def settings(indexed: Settings, langfuse: Langfuse, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return an assistant's settings, after it answered QUESTIONS over HTTP and got feedback; it reads both back."""
    data_dir = str(tmp_path_factory.mktemp("records"))
    own = indexed.model_copy(update={"data_dir": data_dir, **langfuse.sending()})
    with llm_server(says("The charger retries [1]. It is a long story. [77]")) as llm:
        asked = own.model_copy(update={"llm": "openai", "llm_url": llm.url, "llm_model": "small"})
        with serving(asked) as url, httpx.Client(base_url=url, timeout=60) as client:
            ids = [client.post("/api/ask", json={"question": text}).json()["id"] for text in QUESTIONS]
            client.post("/api/ask", json={"question": QUESTIONS[0], "repos": ["shop"], "paths": []}).raise_for_status()
            for number, verdict, comment in ((0, "up", ""), (1, "up", "да"), (1, "down", f"my key is {SECRET}")):
                body = {"answer_id": ids[number], "verdict": verdict, "comment": comment}
                client.post("/api/feedback", json=body).raise_for_status()
    return own.model_copy(update=langfuse.reading())


@pytest.fixture
def both(settings: Settings) -> dict[str, Records]:
    return {"journals": Journals(Path(settings.data_dir)), "langfuse": open_records(settings)}


def untimed(lines: Iterator[Any]) -> list[dict[str, Any]]:
    return [{name: value for name, value in line.items() if name != "time"} for line in lines]


def test_langfuse_has_what_the_journals_have(both: dict[str, Records]) -> None:
    answers = untimed(both["langfuse"].answers())
    assert answers == untimed(both["journals"].answers())
    assert len(answers) == len(QUESTIONS) + 1
    assert {line["found"] for line in answers} == {True, False}
    assert any(line["dropped"] and line["tokens"]["completion"] for line in answers)
    feedback = untimed(both["langfuse"].feedback())
    assert feedback == untimed(both["journals"].feedback())
    assert [line["verdict"] for line in feedback] == ["up", "up", "down"]


@pytest.mark.parametrize("source", SOURCES)
def test_only_the_requested_answers_are_read(both: dict[str, Records], source: str) -> None:
    first, *_, last = both[source].answers()
    assert [line["id"] for line in both[source].answers(ids={last["id"]})] == [last["id"]]
    since = datetime.fromisoformat(first["time"]) + timedelta(milliseconds=2)
    assert first["id"] not in {line["id"] for line in both[source].answers(since=since)}
    assert not list(both[source].feedback(since=datetime.now(UTC) + timedelta(hours=1)))


def test_times_differ_by_the_time_of_recording(both: dict[str, Records]) -> None:
    pairs = zip(both["langfuse"].answers(), both["journals"].answers(), strict=True)
    apart = [datetime.fromisoformat(one["time"]) - datetime.fromisoformat(other["time"]) for one, other in pairs]
    assert max(map(abs, apart)) < timedelta(seconds=2)


def test_no_secret_reaches_langfuse(settings: Settings, langfuse: Langfuse) -> None:
    assert {span.name for span in langfuse.spans} >= {"answer", "feedback"}
    assert all(SECRET not in str(value) for span in langfuse.spans for value in span.attributes.values())


def test_feedback_is_a_span_of_its_own_on_the_callers_trace(indexed: Settings) -> None:
    caller = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    about = {"id": "a1", "caller": "anna", "verdict": "down", "comment": "wrong file"}
    with langfuse_double() as double:
        with open_assistant(indexed.model_copy(update=double.sending())) as assistant:
            assistant.trace_feedback(about, Asker("anna", caller))
        (span,) = double.spans
    assert (span.name, span.trace_id) == ("feedback", caller.split("-")[1])
    assert span.attributes == {
        "codeintel.answer.id": "a1",
        "codeintel.verdict": "down",
        "input.value": "wrong file",
        "user.id": "anna",
    }


def rated(tracer: Tracer, count: int) -> None:
    for number in range(count):
        line = {"id": f"a{number}", "caller": "anna", "verdict": "up", "comment": ""}
        tracer.trace_feedback(line, Asker("anna"))


def test_every_page_is_read_and_each_span_once(indexed: Settings) -> None:
    with langfuse_double() as double:
        tracer = open_tracer(indexed.model_copy(update=double.sending()))
        assert tracer
        rated(tracer, 2 * reader.PAGE + 5)
        tracer.close()
        double.spans.append(double.spans[7])  # sent twice
        lines = list(open_records(indexed.model_copy(update=double.reading())).feedback())
    assert sorted(line["id"] for line in lines) == sorted(f"a{number}" for number in range(2 * reader.PAGE + 5))
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert len(double.queries) == 3


def test_spans_of_other_programs_are_skipped(indexed: Settings) -> None:
    with langfuse_double() as double:
        double.spans.append(Span("answer", "1" * 32, "2" * 16, "", 0, 10**9, {"input.value": "42?"}))
        assert not list(open_records(indexed.model_copy(update=double.reading())).answers())


def read_error(settings: Settings) -> RecordError:
    with pytest.raises(RecordError) as caught:
        list(open_records(settings).answers())
    assert "\n" not in str(caught.value)
    assert "sk-lf" not in str(caught.value)
    return caught.value


def test_wrong_keys_are_named(settings: Settings, langfuse: Langfuse) -> None:
    error = read_error(settings.model_copy(update=langfuse.reading(secret="sk-lf-other")))
    assert (error.cause, "langfuse_secret_key" in error.cure) == (f"Langfuse at {langfuse.url} rejects the keys", True)


def test_an_unreachable_server_is_named(settings: Settings) -> None:
    with langfuse_double() as double:
        away = settings.model_copy(update=double.reading())
    assert "does not answer (" in read_error(away).cause


@pytest.mark.parametrize("path", ["/nowhere", "/api/public/traces?"])
def test_an_address_without_that_api_is_named(settings: Settings, langfuse: Langfuse, path: str) -> None:
    wrong = settings.model_copy(update={"langfuse_url": langfuse.url + path})
    assert "has no /api/public/v2/observations" in read_error(wrong).cause


def test_another_kind_of_server_is_named(settings: Settings) -> None:
    with httpx.Client() as client, serving(settings.model_copy(update={"otlp_url": None})) as url:
        assert client.get(f"{url}/docs").is_success
        other = settings.model_copy(update={"langfuse_url": f"{url}/docs?"})
        assert "does not answer as Langfuse 4 does" in read_error(other).cause


def test_a_busy_server_is_retried_after_its_retry_after(indexed: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with langfuse_double() as double:
        settings = indexed.model_copy(update=double.reading())
        double.refusals += [(429, {"Retry-After": "0"})] * (reader.TRIES - 1)
        assert not list(open_records(settings).answers())
        assert len(double.queries) == reader.TRIES
        double.refusals += [(429, {"Retry-After": "0"})] * reader.TRIES
        assert "is busy (status 429)" in read_error(settings).cause
        monkeypatch.setattr(reader, "SOME_SECONDS", 0.01)
        double.refusals += [(503, {}), (503, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"})]
        assert not list(open_records(settings).answers())
        double.refusals += [(422, {})]
        assert "can't read that much" in read_error(settings).cause
        double.refusals += [(500, {})]
        assert "returns status 500" in read_error(settings).cause


def test_the_address_needs_both_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEINTEL_LANGFUSE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("CODEINTEL_LANGFUSE_PUBLIC_KEY", PUBLIC)
    get_settings.cache_clear()
    with pytest.raises(SettingsError, match="langfuse_secret_key"):
        get_settings()
    get_settings.cache_clear()


def test_a_named_folder_wins(settings: Settings, tmp_path: Path) -> None:
    assert open_records(settings, tmp_path) == Journals(tmp_path)
