"""Responses and embeddings of OpenAI's API, called by the real clients of OpenAI and LangChain."""

import asyncio
import json
from pathlib import Path
from typing import Any, get_type_hints
from urllib.parse import urlencode

import numpy as np
import openai
import pytest
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from openai.types import embedding_create_params
from openai.types.responses import ResponseOutputMessage, ResponseOutputText, response_create_params
from pydantic import BaseModel, SecretStr

from ml.index.embedder.static import load_static
from ml.settings import Settings
from rag_service.http.routes.embeddings import EmbeddingRequest
from rag_service.http.routes.parameters import EMBEDDINGS, RESPONSES, Refused
from rag_service.http.routes.responses import ResponseRequest
from tests.support.llm_server import llm_server, says
from tests.support.service import serving

QUESTION = "Where is the number of attempts to charge an order set?"


def respond(client: openai.OpenAI, **more: Any) -> openai.types.responses.Response:
    asked: dict[str, Any] = {"model": "codeintel", "input": QUESTION} | more
    reply: openai.types.responses.Response = client.responses.create(**asked)
    return reply


def text_of(reply: openai.types.responses.Response) -> ResponseOutputText:
    (message,) = reply.output
    assert isinstance(message, ResponseOutputMessage)
    (part,) = message.content
    assert isinstance(part, ResponseOutputText)
    return part


def test_a_response_cites_with_links(openai_client: openai.OpenAI, openai_url: str) -> None:
    reply = respond(openai_client)
    part = text_of(reply)
    assert reply.status == "completed"
    assert "`shop/billing/charge.py:" in reply.output_text
    assert part.annotations
    for annotation in part.annotations:
        assert annotation.type == "url_citation"
        assert part.text[annotation.start_index] == "["
        path, _, lines = annotation.title.partition(":")
        assert annotation.url.startswith(
            openai_url.removesuffix("v1") + f"file?{urlencode({'repo': 'shop', 'path': path})}#L"
        )
        assert f"#L{lines.partition('-')[0]}" in annotation.url
    assert (reply.model_extra or {})["citations"][0]["quote"]
    assert reply.usage
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens > 0


def test_its_stream_has_openais_events(openai_client: openai.OpenAI) -> None:
    whole = respond(openai_client)
    events = list(openai_client.responses.create(model="codeintel", input=QUESTION, stream=True))
    kinds = [event.type for event in events]
    unique = list(dict.fromkeys(kinds))
    assert unique == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.annotation.added",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == whole.output_text
    assert events[-1].type == "response.completed"
    assert text_of(events[-1].response) == text_of(whole)


def test_the_clients_own_accumulation_of_a_stream(openai_client: openai.OpenAI) -> None:
    with openai_client.responses.stream(model="codeintel", input=QUESTION) as stream:
        stream.until_done()
        assert stream.get_final_response().output_text == respond(openai_client).output_text


def test_the_async_client(openai_url: str, openai_client: openai.OpenAI) -> None:
    async def ask() -> str:
        async with openai.AsyncOpenAI(base_url=openai_url, api_key="any", max_retries=0) as opened:
            return (await opened.responses.create(model="codeintel", input=QUESTION)).output_text

    assert asyncio.run(ask()) == respond(openai_client).output_text


def test_instructions_and_a_conversation(openai_client: openai.OpenAI) -> None:
    turns = [
        {"role": "user", "content": "What does Charger do?"},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "It charges.", "annotations": []}],
        },
        {"type": "function_call_output", "call_id": "c", "output": "x"},
        {"role": "user", "content": [{"type": "input_text", "text": QUESTION}]},
    ]
    reply = respond(openai_client, input=turns, instructions="Answer in Russian.")
    assert "**Источники**" in reply.output_text
    assert reply.instructions == "Answer in Russian."
    assert (reply.model_extra or {})["ignored"] == ["input.2"]


def test_a_limit_of_tokens(openai_client: openai.OpenAI) -> None:
    reply = respond(openai_client, max_output_tokens=12)
    assert reply.status == "incomplete"
    assert reply.incomplete_details
    assert reply.incomplete_details.reason == "max_output_tokens"
    assert reply.output_text == respond(openai_client).output_text[:48]
    *_, last = openai_client.responses.create(model="codeintel", input=QUESTION, max_output_tokens=12, stream=True)
    assert last.type == "response.incomplete"


class Place(BaseModel):
    """Where something is set."""

    file: str
    attempts: int


def test_a_schema_is_filled_by_a_model(indexed: Settings, tmp_path: Path) -> None:
    with llm_server(says("It is five [1]. "), says('{"file": "charge.py", "attempts": 5}')) as llm:
        changes = {"llm": "openai", "llm_url": llm.url, "llm_model": "m", "data_dir": str(tmp_path)}
        with serving(indexed.model_copy(update=changes)) as address:
            client = openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0)
            reply = client.responses.parse(model="codeintel", input=QUESTION, text_format=Place)
    assert reply.output_parsed == Place(file="charge.py", attempts=5)


def test_a_json_object(openai_client: openai.OpenAI) -> None:
    assert json.loads(respond(openai_client, text={"format": {"type": "json_object"}}).output_text)["citations"]


@pytest.mark.parametrize(
    ("module", "name", "form", "table"),
    [(response_create_params, "ResponseCreateParams", ResponseRequest, RESPONSES)],
)
def test_every_parameter_has_its_place(module: Any, name: str, form: type[BaseModel], table: dict[str, Any]) -> None:
    names = {one for kind in ("Streaming", "NonStreaming") for one in get_type_hints(getattr(module, name + kind))}
    assert {one for one in names if (one in form.model_fields) == (one in table)} == set()


def test_every_parameter_of_embeddings_has_its_place() -> None:
    names = get_type_hints(embedding_create_params.EmbeddingCreateParams)
    assert {one for one in names if (one in EmbeddingRequest.model_fields) == (one in EMBEDDINGS)} == set()


@pytest.mark.parametrize("name", [name for name, one in RESPONSES.items() if isinstance(one, Refused)])
def test_what_cannot_be_done_is_refused(openai_client: openai.OpenAI, name: str) -> None:
    with pytest.raises(openai.BadRequestError, match=f"{name} can't be done, because .+: .+") as refused:
        respond(openai_client, extra_body={name: "something"})
    assert refused.value.param == name


def test_the_conversation_has_to_be_sent_again(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="replies are not kept: send the whole conversation"):
        respond(openai_client, previous_response_id="resp_1")
    with pytest.raises(openai.BadRequestError, match="send the whole conversation"):
        openai_client.responses.retrieve("resp_1")


def test_langchain_shows_the_citations_of_a_response(openai_url: str) -> None:
    model = ChatOpenAI(
        base_url=openai_url, api_key=SecretStr("any"), model="codeintel", use_responses_api=True, max_retries=0
    )
    told = model.invoke(QUESTION)
    block: Any
    (block,) = told.content_blocks
    assert block["type"] == "text"
    citation = block["annotations"][0]
    assert citation["type"] == "citation"
    assert citation["title"].startswith("shop/billing/charge.py:")
    assert citation["url"].startswith(openai_url.removesuffix("v1"))

    streamed: Any = None
    for chunk in model.stream(QUESTION):
        streamed = chunk if streamed is None else streamed + chunk
    assert streamed.text == told.text
    shown = [one for each in streamed.content_blocks for one in each.get("annotations", [])]
    assert [one["title"] for one in shown] == [one["title"] for one in block["annotations"]]


def test_langchain_with_chat_completions(openai_url: str) -> None:
    model = ChatOpenAI(base_url=openai_url, api_key=SecretStr("any"), model="codeintel", temperature=0.2, max_retries=0)
    assert "`shop/billing/charge.py:" in model.invoke(QUESTION).text
    assert "".join(chunk.text for chunk in model.stream(QUESTION)) == model.invoke(QUESTION).text


def test_langchain_fills_a_class(indexed: Settings, tmp_path: Path) -> None:
    with llm_server(says("It is five [1]. "), says('{"file": "charge.py", "attempts": 5}')) as llm:
        changes = {"llm": "openai", "llm_url": llm.url, "llm_model": "m", "data_dir": str(tmp_path)}
        with serving(indexed.model_copy(update=changes)) as address:
            model = ChatOpenAI(base_url=f"{address}/v1", api_key=SecretStr("any"), model="codeintel", max_retries=0)
            assert model.with_structured_output(Place).invoke(QUESTION) == Place(file="charge.py", attempts=5)


TEXTS = ["def charge(order): ...", "the payment gateway", "корзина"]


def test_embeddings_are_those_of_the_index(openai_client: openai.OpenAI) -> None:
    reply = openai_client.embeddings.create(
        model="codeintel", input=TEXTS
    )  # as base64, which is the openai_client's default
    expected = load_static().documents(TEXTS)
    assert reply.model == load_static().name
    assert [one.index for one in reply.data] == [0, 1, 2]
    assert np.allclose([one.embedding for one in reply.data], expected, atol=1e-6)
    floats = openai_client.embeddings.create(
        model=reply.model, input=TEXTS[0], encoding_format="float", dimensions=expected.shape[1]
    )
    assert np.allclose(floats.data[0].embedding, expected[0], atol=1e-6)
    assert reply.usage.total_tokens == sum(-(-len(text) // 4) for text in TEXTS)


def test_an_embedded_question(openai_client: openai.OpenAI) -> None:
    reply = openai_client.embeddings.create(model="codeintel", input=QUESTION, extra_body={"input_type": "query"})
    assert np.allclose(reply.data[0].embedding, load_static().query(QUESTION), atol=1e-6)


@pytest.mark.parametrize(
    ("more", "cause"),
    [
        ({"input": [1, 2, 3]}, "no tokens of OpenAI's: send text"),
        ({"input": [[1, 2], [3]]}, "check_embedding_ctx_length=False"),
        ({"input": []}, "send 1 to 2,048 at once"),
        ({"input": ["x"] * 2_049}, "send 1 to 2,048 at once"),
        ({"input": ""}, "input"),
        ({"dimensions": 8}, "shorter ones would mean nothing"),
        ({"extra_body": {"truncate": "END"}}, "no parameter 'truncate'"),
    ],
)
def test_what_cannot_be_embedded(openai_client: openai.OpenAI, more: dict[str, Any], cause: str) -> None:
    asked: dict[str, Any] = {"model": "codeintel", "input": "x"} | more
    with pytest.raises(openai.BadRequestError, match=cause):
        openai_client.embeddings.create(**asked)


def test_an_unknown_embedder(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="use 'static-code-1' or 'codeintel'") as refused:
        openai_client.embeddings.create(model="text-embedding-3-small", input="x")
    assert refused.value.code == "model_not_found"


def test_langchains_embeddings(openai_url: str) -> None:
    named: dict[str, Any] = {"base_url": openai_url, "api_key": "any", "check_embedding_ctx_length": False}
    embeddings = OpenAIEmbeddings(model="codeintel", **named)
    assert np.allclose(embeddings.embed_documents(TEXTS), load_static().documents(TEXTS), atol=1e-6)
    assert np.allclose(embeddings.embed_query(TEXTS[1]), load_static().documents(TEXTS[1:2])[0], atol=1e-6)
