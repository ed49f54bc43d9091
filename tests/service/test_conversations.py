"""Conversations of three to five turns, each as messages of a client and with a history of our own answers."""

import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from ml.settings import Settings
from rag_service.answer.assistant import Assistant, open_assistant
from rag_service.answer.conversation.turns import Turn
from rag_service.answer.events import Answer
from tests.support.indexing import index_folder
from tests.support.ledger import write_ledger
from tests.support.service import serving
from tests.support.shop import write_shop

DATA = Path(__file__).parent / "data" / "conversations.toml"
CONVERSATIONS = tomllib.loads(DATA.read_text(encoding="utf-8"))["conversations"]
Say = Callable[[str], dict[str, Any]]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return settings for an index of two services."""
    made = Settings(
        store=str(tmp_path_factory.mktemp("store")), data_dir=str(tmp_path_factory.mktemp("data")), llm="none"
    )
    for name, write in (("shop", write_shop), ("ledger", write_ledger)):
        folder = tmp_path_factory.mktemp(name)
        write(folder)
        index_folder(made, folder, name)
    return made


@pytest.fixture(scope="module")
def assistant(settings: Settings) -> Iterator[Assistant]:
    with open_assistant(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def url(settings: Settings) -> Iterator[str]:
    with serving(settings) as address:
        yield address


def remembering(assistant: Assistant) -> Callable[[str], Answer]:
    """Return a function that asks within one conversation."""
    history: list[Turn] = []

    def say(message: str) -> Answer:
        answer = assistant.answer(message, history=history)
        history.append(Turn(message, answer.answer, answer.citations))
        return answer

    return say


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=[each["name"] for each in CONVERSATIONS])
def test_a_conversation(conversation: dict[str, Any], assistant: Assistant) -> None:
    say = remembering(assistant)
    assert 3 <= len(conversation["turns"]) <= 5
    for turn in conversation["turns"]:
        answer = say(turn["user"])
        assert answer.found is turn.get("found", True), f"{turn['user']} -> {answer.question}\n{answer.answer}"
        assert turn.get("asked", "") in answer.question
        assert turn.get("says", "") in answer.answer
        assert turn.get("cites") in {None, *(citation.file_path for citation in answer.citations)}


@pytest.mark.parametrize("conversation", CONVERSATIONS, ids=[each["name"] for each in CONVERSATIONS])
def test_the_messages_of_a_client_mean_the_same(conversation: dict[str, Any], assistant: Assistant, url: str) -> None:
    say, messages = remembering(assistant), []
    for turn in conversation["turns"]:
        messages.append({"role": "user", "content": turn["user"]})
        body = {"model": "codeintel", "messages": messages}
        reply = httpx.post(f"{url}/v1/chat/completions", json=body).raise_for_status().json()["choices"][0]["message"]
        messages.append({"role": "assistant", "content": reply["content"]})
        answer = say(turn["user"])
        assert reply["content"].startswith(answer.answer)
        assert [cited["n"] for cited in reply["citations"]] == [cited.n for cited in answer.citations]


def test_the_history_of_another_assistant(assistant: Assistant) -> None:
    history = [Turn("What does send_request do?", "It sends a request to the payment gateway.")]
    assert assistant.answer("who calls it?", history=history).question == "who calls `send_request`?"
    history = [Turn("Tell me about the weather", "It rains.")]
    assert assistant.answer("why is that?", history=history).question == "Why: Tell me about the weather"


STANDING = [
    "Where is the code that charges an order?",
    "How does the payment gateway decide whether it refuses a card?",
    "Where is it decided that a refund needs a clerk?",
    "Are there tests for the shopping cart?",
    "How is this project structured?",
    "Почему заказ оплачивается сразу, когда он оформлен?",
    "Where is place_order called?",
    "Как устроен этот репозиторий?",
    "Why does send_request raise an error?",
]


@pytest.mark.parametrize("question", STANDING)
def test_a_question_that_stands_by_itself_is_not_bent_to_the_old_subject(question: str, assistant: Assistant) -> None:
    say = remembering(assistant)
    say("What is CloseDay?")
    assert say(question).question == question


def test_a_long_history_is_read_from_its_end(assistant: Assistant) -> None:
    say = remembering(assistant)
    answer = say("What is CloseDay?")
    history = [Turn("What is Charger?", "", ())] * 2_000 + [Turn("What is CloseDay?", answer.answer, answer.citations)]
    assert assistant.answer("who calls it?", history=history).question == "who calls `CloseDay`?"


def test_a_symbol_that_left_the_index_is_not_guessed(assistant: Assistant) -> None:
    (cited, *_) = assistant.answer("What is CloseDay?").citations
    gone = type(cited)(1, "ledger", "ledger/gone.go", 1, 9, "")
    answer = assistant.answer("who calls it?", history=[Turn("How is a day closed?", "It is closed [1].", [gone])])
    assert answer.question == "How is a day closed? who calls it?"
