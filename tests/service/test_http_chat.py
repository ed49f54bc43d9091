"""OpenAI's API, called by the real `openai` client, with what Open WebUI and Continue send besides questions."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from ml.settings import Settings
from rag_service.http.routes import chores
from rag_service.http.routes.conversation import Message, conversation_of
from tests.support.llm_server import breaks_off, llm_server
from tests.support.service import serving

QUESTION = "Where is the number of attempts to charge an order set?"
ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": QUESTION}]


@pytest.fixture(scope="module")
def url(indexed: Settings) -> Iterator[str]:
    with serving(indexed) as address:
        yield f"{address}/v1"


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=url, api_key="any", max_retries=0) as opened:
        yield opened


def content_of(reply: openai.types.chat.ChatCompletion) -> str:
    return reply.choices[0].message.content or ""


def test_a_reply_cites_and_lists_its_sources(client: openai.OpenAI) -> None:
    reply = client.chat.completions.create(model="codeintel", messages=ASKED)
    message = reply.choices[0].message
    citations: list[dict[str, Any]] = (message.model_extra or {})["citations"]
    cited = next(citation for citation in citations if citation["file_path"] == "shop/billing/charge.py")
    text, sources = content_of(reply).split("**Sources**")
    assert f"[{cited['n']}]" in text
    assert f"- [{cited['n']}] `shop/billing/charge.py:{cited['line_start']}-{cited['line_end']}` (shop)" in sources
    assert "max_retries = 5" in cited["quote"]
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens > 0


def test_a_stream_has_the_same_content(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="codeintel", messages=ASKED)
    stream = client.chat.completions.create(
        model="codeintel", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == content_of(whole)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    assert chunks[-1].choices[0].delta.model_extra == whole.choices[0].message.model_extra
    assert last.usage == whole.usage
    assert {chunk.id for chunk in chunks} == {last.id}


def test_the_async_client(url: str) -> None:
    async def ask() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=url, api_key="any", max_retries=0) as client:
            whole = client.chat.completions.create(model="codeintel", messages=ASKED)
            stream = await client.chat.completions.create(model="codeintel", messages=ASKED, stream=True)
            parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
            return content_of(await whole), "".join(parts)

    whole, streamed = asyncio.run(ask())
    assert whole == streamed
    assert "shop/billing/charge.py" in whole


def test_models_are_the_index_and_each_repository(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["codeintel", "codeintel:shop"]
    assert client.models.retrieve("codeintel:shop").id == "codeintel:shop"
    assert "shop/billing" in content_of(client.chat.completions.create(model="codeintel:shop", messages=ASKED))


def test_an_unknown_model(client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="codeintel:shop") as refused:
        client.chat.completions.create(model="gpt-4o", messages=ASKED)
    assert refused.value.code == "model_not_found"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([{"role": "user", "content": "why " * 25_000}], "more than 4,000"),
        ([{"role": "system", "content": "You are helpful"}], "no user message"),
        ([], "messages"),
    ],
)
def test_errors_have_the_form_of_openais(client: openai.OpenAI, messages: Any, words: str, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError, match=words) as refused:
        client.chat.completions.create(model="codeintel", messages=messages, stream=stream)
    assert refused.value.type == "invalid_request_error"


def test_extra_fields_of_editors_are_ignored(client: openai.OpenAI) -> None:
    asked: list[Any] = [
        {"role": "system", "content": "You are an agent. Call tools."},
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": "x"}}],
        },
    ]
    reply = client.chat.completions.create(
        model="codeintel",
        messages=asked,
        tools=[
            {"type": "function", "function": {"name": "read_file", "parameters": {"type": "object", "properties": {}}}}
        ],
        tool_choice="auto",
        temperature=0.3,
        max_tokens=7,
        stop=["\n"],
        n=2,
        seed=1,
        logprobs=True,
        user="someone",
        response_format={"type": "text"},
        extra_body={"chat_id": "c", "options": {"num_ctx": 4096}},
    )
    assert "shop/billing/charge.py" in content_of(reply)
    assert reply.choices[0].message.tool_calls is None


def test_an_answer_in_russian_lists_its_sources_in_russian(client: openai.OpenAI) -> None:
    asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Кто вызывает send_request?"}]
    assert "**Источники**" in content_of(client.chat.completions.create(model="codeintel", messages=asked))


def test_an_llm_that_breaks_off_leaves_an_answer_and_a_notice(indexed: Settings, tmp_path: Path) -> None:
    with llm_server(breaks_off("It tries five times [1]. ")) as llm:
        changes = {"llm": "openai", "llm_url": llm.url, "llm_model": "m", "llm_retries": 0, "data_dir": str(tmp_path)}
        with serving(indexed.model_copy(update=changes)) as url:
            client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)
            content = content_of(client.chat.completions.create(model="codeintel", messages=ASKED))
    assert "shop/billing/charge.py" in content
    assert "\n> " in content


TITLE = """### Task:
Generate a concise, 3-5 word title with an emoji summarizing the chat history.
### Output:
JSON format: { "title": "your concise title here" }
### Chat History:
<chat_history>
USER: Where is the retry policy of the payment gateway set?
ASSISTANT: In `shop/billing/charge.py:12` [1].
</chat_history>"""
TAGS = TITLE.replace('{ "title": "your concise title here" }', '{ "tags": ["tag1", "tag2"] }')
FOLLOW_UPS = TITLE.replace('{ "title": "your concise title here" }', '{ "follow_ups": ["Question 1?"] }')


@pytest.mark.parametrize(
    ("prompt", "reply"),
    [
        (TITLE, {"title": "Where is the retry policy of the payment…"}),
        (TAGS, {"tags": ["Code"]}),
        (FOLLOW_UPS, {"follow_ups": []}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_open_webui_chores_get_their_json(client: openai.OpenAI, prompt: str, reply: Any, stream: bool) -> None:
    asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": prompt}]
    if stream:
        chunks = client.chat.completions.create(model="codeintel", messages=asked, stream=True)
        content = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    else:
        content = content_of(client.chat.completions.create(model="codeintel", messages=asked))
    assert json.loads(content) == reply


def test_a_title_asked_for_in_a_sentence() -> None:
    asked = "Given the following, please reply with a title for this chat that is 3-4 words long:\n\nWhere is it set?"
    assert chores.reply(asked) == "Where is it set?"


@pytest.mark.parametrize(
    "question", [QUESTION, "Who provides a title for the page?", "### Task: queue\nHow does it work?"]
)
def test_a_question_is_not_a_chore(question: str) -> None:
    assert chores.reply(question) is None


def messages(*texts: str) -> list[Message]:
    return [Message(role="user", content=text) for text in texts]


def test_the_question_within_a_frontends_prompt() -> None:
    prompt = (
        "### Task:\nRespond using the context.\n<context>code</context>\n<user_query>\nWho calls it?\n</user_query>"
    )
    assert conversation_of(messages(prompt), 4000) == ([], "Who calls it?")


def test_pasted_code_does_not_make_a_question_too_long() -> None:
    pasted = "```charge.py\n" + "x = 1\n" * 1000 + "```\nWho calls send_request?"
    assert conversation_of(messages(pasted), 4000) == ([], "Who calls send_request?")
