"""What reaches the chat API besides plain questions: Open WebUI's prompts, pasted logs, long histories."""

import json
import time
from collections.abc import Iterator
from typing import Any

import openai
import pytest

from ml.errors import QuestionError
from ml.settings import Settings
from rag_service.http.routes import chores
from rag_service.http.routes.conversation import Message
from rag_service.http.routes.wrapped import extract_question
from tests.support.service import serving

QUESTION = "Where is the number of attempts to charge an order set?"
MB = 1_000_000
SECONDS = 5  # for two megabytes, on a machine that is busy with other tests


@pytest.fixture(scope="module")
def client(indexed: Settings) -> Iterator[openai.OpenAI]:
    with (
        serving(indexed) as address,
        openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0) as opened,
    ):
        yield opened


def ask(client: openai.OpenAI, *messages: Any, **more: Any) -> str:
    asked: dict[str, Any] = {"model": "codeintel", "messages": list(messages)} | more
    reply = client.chat.completions.create(**asked)
    return str(reply.choices[0].message.content)


def user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


# In the form of Open WebUI 0.12 (its config.py and utils/middleware.py): the opening line, the JSON and the tags.
HISTORY = """<chat_history>
USER: Where is the retry policy of the payment gateway set?
ASSISTANT: In `shop/billing/charge.py:12` [1].
</chat_history>"""


def task(what: str, form: str) -> str:
    return f"### Task:\n{what}\n### Guidelines:\n- Be brief.\n### Output:\nJSON format: {form}\n### Chat History:\n{HISTORY}"


TITLE = task("Generate a concise title summarizing the chat history.", '{ "title": "your concise title here" }')
CHORES = [
    (TITLE, {"title": "Where is the retry policy of the payment…"}),
    (task("Generate 1-3 broad tags categorizing the main themes.", '{ "tags": ["tag1", "tag2"] }'), {"tags": ["Code"]}),
    (task("Predict 3-5 useful messages this user might send next.", '{ "follow_ups": ["a"] }'), {"follow_ups": []}),
    (task("Analyze the chat history to determine search queries.", '{\n  "queries": ["a"]\n}'), {"queries": []}),
    (task("You are an autocompletion system.", '{ "text": "<your_completion>" }'), {"text": ""}),
    (task("Generate a detailed prompt for an image.", '{\n    "prompt": "Your description."\n}'), {"prompt": ""}),
]


@pytest.mark.parametrize(("prompt", "reply"), CHORES)
def test_open_webui_chores_get_their_json(client: openai.OpenAI, prompt: str, reply: Any) -> None:
    assert json.loads(ask(client, user(prompt))) == reply


def test_a_streamed_chore(client: openai.OpenAI) -> None:
    asked: Any = {"model": "codeintel", "messages": [user(TITLE)], "stream": True}
    content = "".join(chunk.choices[0].delta.content or "" for chunk in client.chat.completions.create(**asked))
    assert json.loads(content) == CHORES[0][1]


def test_open_webuis_choice_of_tools_and_its_emoji(client: openai.OpenAI) -> None:
    tools = 'Available Tools: [{"name": "search"}]\n\nReturn only the JSON:\n{\n  "tool_calls": [\n    {"name": "a"}\n  ]\n}'
    system = {"role": "system", "content": tools}
    assert json.loads(ask(client, system, user(f"Query: {QUESTION}"))) == {"tool_calls": []}
    emoji = (
        "Your task is to reflect the speaker's likely facial expression through a fitting emoji.\n\nMessage: ```hi```"
    )
    assert ask(client, user(emoji)) == "🔎"


def messages(*texts: str) -> list[Message]:
    return [Message(role="user", content=text) for text in texts]


def test_a_title_asked_for_in_a_sentence() -> None:
    asked = "Given the following, please reply with a title for this chat that is 3-4 words long:\n\nWhere is it set?"
    assert chores.reply(messages(asked)) == "Where is it set?"


@pytest.mark.parametrize(
    "question", [QUESTION, "Who provides a title for the page?", "### Task: queue\nHow does it work?"]
)
def test_a_question_is_not_a_chore(question: str) -> None:
    assert chores.reply(messages(question)) is None


def with_documents(document: str, question: str) -> str:
    return f"""### Task:
Respond to the user query using the provided context, incorporating inline citations in the format [id].

### Example of Citation:
* "According to the study, the proposed method increases efficiency by 20% [1]."

<context>
<source id="1" name="notes.json">{document}</source>
</context>
\n{question}"""


@pytest.mark.parametrize("document", ["plain text", '{ "title": "A note" }', "## Why?\n\nBecause.", "x" * 50_000])
def test_open_webuis_prompt_around_documents_is_a_question(client: openai.OpenAI, document: str) -> None:
    content = ask(client, user(with_documents(document, QUESTION)))
    assert "`shop/billing/charge.py:" in content
    assert "Only the indexed code was searched" in content


def test_the_notice_about_documents_is_in_the_language_of_the_question(client: openai.OpenAI) -> None:
    assert "только в проиндексированном коде" in ask(client, user(with_documents("x", "Кто вызывает send_request?")))


def test_the_question_that_several_models_answered() -> None:
    prompt = (
        'You have been provided with a set of responses from various models to the latest user query: "Who calls it?"'
        "\n\nYour task is to synthesize these responses into one.\n\nResponses from models: a, b"
    )
    assert extract_question(prompt, 4000) == "Who calls it?"


def test_the_question_within_a_frontends_prompt() -> None:
    prompt = "### Task:\nRespond.\n<context>code</context>\n<user_query>\nWho calls it?\n</user_query>"
    assert extract_question(prompt, 4000) == "Who calls it?"


LOG = "2026-11-28T08:00:00Z ERROR [billing] is the gateway gone? shop.billing.gateway.GatewayError: no attempt succeeded\n"


@pytest.mark.parametrize(
    "text",
    [
        f"{QUESTION}\n{{log}}",
        f"{QUESTION}\n\n{{log}}",
        f"{{log}}\n{QUESTION}",
        f"{{log}}\n\n{QUESTION}\n",
        f"```\n{{log}}```\n{QUESTION}",
        f"{QUESTION}\n~~~log\n{{log}}~~~",
    ],
)
def test_the_question_beside_a_pasted_log_of_two_megabytes(client: openai.OpenAI, text: str) -> None:
    pasted = text.replace("{log}", LOG * (2 * MB // len(LOG)))
    started = time.monotonic()
    content = ask(client, user(pasted))
    assert "`shop/billing/charge.py:" in content
    assert time.monotonic() - started < SECONDS


@pytest.mark.parametrize(
    "question", ["почему не удалась оплата заказа", "the charge of this order failed, explain why"]
)
def test_a_question_without_a_question_mark_beside_a_log(question: str) -> None:
    assert extract_question(f"{LOG * 100}\n\n{question}", 4000) == question
    assert extract_question(f"{question}\n\n{LOG * 100}", 4000) == question


def test_a_question_of_several_lines_beside_a_log() -> None:
    question = "The charge failed tonight.\nWhere is the number of attempts set?"
    assert extract_question(f"{LOG * 100}\n\n{question}", 4000) == question


@pytest.mark.parametrize("pasted", ["x" * 2 * MB, "2026-11-28T08:00:00Z INFO started\n" * 50_000, "```\n" * 400_000])
def test_a_log_without_a_question_is_refused_with_the_cure(client: openai.OpenAI, pasted: str) -> None:
    started = time.monotonic()
    with pytest.raises(openai.BadRequestError, match=r"more than 4,000.+put the question into its first or last line"):
        ask(client, user(pasted))
    assert time.monotonic() - started < SECONDS


def test_a_history_of_two_megabytes(client: openai.OpenAI) -> None:
    turns = [
        message for _ in range(200) for message in (user(QUESTION), {"role": "assistant", "content": "x" * 10_000})
    ]
    started = time.monotonic()
    assert "`shop/billing/charge.py:" in ask(client, *turns, user(QUESTION))
    assert time.monotonic() - started < SECONDS


def test_more_than_a_request_may_hold(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIStatusError, match="at most 4 MiB: send less at once") as refused:
        ask(client, user("x" * 5 * MB))
    assert refused.value.status_code == 413


def test_neither_end_is_a_question() -> None:
    with pytest.raises(QuestionError, match="neither its beginning nor its end is a question"):
        extract_question("word " * 2_000, 4_000)
