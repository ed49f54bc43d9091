"""Chat completions, called by the real `openai` client."""

import asyncio
from pathlib import Path
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionMessageParam

from ml.settings import Settings
from tests.support.llm_server import breaks_off, llm_server
from tests.support.service import serving

QUESTION = "Where is the number of attempts to charge an order set?"
ASKED: list[ChatCompletionMessageParam] = [{"role": "user", "content": QUESTION}]


def content_of(reply: openai.types.chat.ChatCompletion) -> str:
    return reply.choices[0].message.content or ""


def test_a_reply_cites_and_lists_its_sources(openai_client: openai.OpenAI) -> None:
    reply = openai_client.chat.completions.create(model="codeintel", messages=ASKED)
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


def test_a_stream_has_the_same_content(openai_client: openai.OpenAI) -> None:
    whole = openai_client.chat.completions.create(model="codeintel", messages=ASKED)
    stream = openai_client.chat.completions.create(
        model="codeintel", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    *chunks, last = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == content_of(whole)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * (len(chunks) - 1) + ["stop"]
    last_delta, message = chunks[-1].choices[0].delta.model_extra or {}, whole.choices[0].message
    assert last_delta["citations"] == (message.model_extra or {})["citations"]
    assert last_delta["annotations"] == [one.model_dump() for one in message.annotations or ()]
    assert last.usage == whole.usage
    assert {chunk.id for chunk in chunks} == {last.id}


def test_the_async_client(openai_url: str) -> None:
    async def ask() -> tuple[str, str]:
        async with openai.AsyncOpenAI(base_url=openai_url, api_key="any", max_retries=0) as client:
            whole = client.chat.completions.create(model="codeintel", messages=ASKED)
            stream = await client.chat.completions.create(model="codeintel", messages=ASKED, stream=True)
            parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
            return content_of(await whole), "".join(parts)

    whole, streamed = asyncio.run(ask())
    assert whole == streamed
    assert "shop/billing/charge.py" in whole


def test_models_are_the_index_and_each_repository(openai_client: openai.OpenAI) -> None:
    assert [model.id for model in openai_client.models.list()] == ["codeintel", "codeintel:shop"]
    assert openai_client.models.retrieve("codeintel:shop").id == "codeintel:shop"
    assert "shop/billing" in content_of(openai_client.chat.completions.create(model="codeintel:shop", messages=ASKED))


def test_an_unknown_model(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="codeintel:shop") as refused:
        openai_client.chat.completions.create(model="gpt-4o", messages=ASKED)
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
def test_errors_have_the_form_of_openais(openai_client: openai.OpenAI, messages: Any, words: str, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError, match=words) as refused:
        openai_client.chat.completions.create(model="codeintel", messages=messages, stream=stream)
    assert refused.value.type == "invalid_request_error"


def test_an_answer_in_russian_lists_its_sources_in_russian(openai_client: openai.OpenAI) -> None:
    asked: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Кто вызывает send_request?"}]
    assert "**Источники**" in content_of(openai_client.chat.completions.create(model="codeintel", messages=asked))


def test_an_llm_that_breaks_off_leaves_an_answer_and_a_notice(indexed: Settings, tmp_path: Path) -> None:
    with llm_server(breaks_off("It tries five times [1]. ")) as llm:
        changes = {"llm": "openai", "llm_url": llm.url, "llm_model": "m", "llm_retries": 0, "data_dir": str(tmp_path)}
        with serving(indexed.model_copy(update=changes)) as url:
            client = openai.OpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0)
            content = content_of(client.chat.completions.create(model="codeintel", messages=ASKED))
    assert "shop/billing/charge.py" in content
    assert "\n> " in content
