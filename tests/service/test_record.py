"""The audit log and the feedback: who asked what, which lines and model the answer came from, and no secrets."""

from pathlib import Path

import pytest

from ml import journal
from ml.records import AUDIT, FEEDBACK
from ml.settings import Settings
from rag_service.answer.asker import Asker
from rag_service.answer.assistant import open_assistant
from rag_service.answer.events import Answer
from rag_service.record import record_feedback
from tests.support.llm_server import llm_server, says

SECRET = "AKIA" + "IOSFODNN7EXAMPLQ"
QUESTION = "Where is the number of attempts to charge an order set?"


@pytest.fixture
def settings(indexed: Settings, tmp_path: Path) -> Settings:
    return indexed.model_copy(update={"data_dir": str(tmp_path)})


def ask_as(settings: Settings, question: str, asker: Asker) -> Answer:
    with open_assistant(settings) as assistant:
        return assistant.answer(question, asker=asker)


def test_an_answer_is_recorded_with_its_asker_and_evidence(settings: Settings) -> None:
    with llm_server(says("The charger retries [1]. Another part does so too [77].")) as llm:
        endpoint = {"llm": "openai", "llm_url": llm.url, "llm_model": "small"}
        answer = ask_as(settings.model_copy(update=endpoint), QUESTION, Asker("anna"))
    (line,) = journal.read(Path(settings.data_dir) / AUDIT)
    assert (line["id"], line["caller"], line["question"], line["answer"]) == (
        answer.id,
        "anna",
        QUESTION,
        answer.answer,
    )
    assert line["model"] == "small"
    assert line["evidence"][0].startswith("shop:shop/")
    assert set(line["citations"]) <= set(line["evidence"])
    assert line["citations"]
    assert line["dropped"] >= 1
    assert line["tokens"]["prompt"] > line["tokens"]["completion"] > 5
    assert set(line["timings"]) == {"retrieve", "compose", "generate", "cite"}
    assert line["complete"] is True


def test_an_abandoned_answer_is_recorded_as_such(settings: Settings) -> None:
    with open_assistant(settings) as assistant:
        events = assistant.ask(QUESTION)
        next(events)
        events.close()  # type: ignore[attr-defined]
    (line,) = journal.read(Path(settings.data_dir) / AUDIT)
    assert line["complete"] is False


def test_secrets_in_questions_and_answers_are_not_recorded(settings: Settings) -> None:
    with llm_server(says(f"The key {SECRET} is used [1].")) as llm:
        endpoint = {"llm": "openai", "llm_url": llm.url, "llm_model": "small"}
        ask_as(settings.model_copy(update=endpoint), f"Where is the charge of an order made with {SECRET}?", Asker())
    record_feedback(settings, "a1", "down", f"my key is {SECRET}")
    for name in (AUDIT, FEEDBACK):
        assert SECRET not in (Path(settings.data_dir) / name).read_text()


def test_feedback_names_its_answer_and_its_author(settings: Settings) -> None:
    record_feedback(settings, "a1", "down", "wrong file", caller="anna")
    (line,) = journal.read(Path(settings.data_dir) / FEEDBACK)
    assert (line["id"], line["caller"], line["verdict"], line["comment"]) == ("a1", "anna", "down", "wrong file")


def test_a_full_disk_does_not_fail_the_answer(settings: Settings) -> None:
    (Path(settings.data_dir) / AUDIT).symlink_to("/dev/full")
    answer = ask_as(settings, QUESTION, Asker())
    assert answer.citations
    assert "No space left" in answer.notices[-1]
