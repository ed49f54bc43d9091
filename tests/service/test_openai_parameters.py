"""Each parameter of OpenAI's API is done, has no effect that anybody could miss, or is refused by name: none is dropped."""

import json
import re
from pathlib import Path
from typing import Any, get_type_hints

import openai
import pytest
from openai.types.chat import completion_create_params
from pydantic import BaseModel

from ml.settings import Settings
from rag_service.http.routes.asking import wanted_language
from rag_service.http.routes.chat import ChatRequest
from rag_service.http.routes.embeddings import EmbeddingRequest
from rag_service.http.routes.parameters import CHAT, RESPONSES, Harmless, Refused
from rag_service.http.routes.responses import ResponseRequest
from tests.support.llm_server import breaks_off, llm_server, says
from tests.support.service import serving

QUESTION = "Where is the number of attempts to charge an order set?"
ASKED: list[Any] = [{"role": "user", "content": QUESTION}]


def ask(client: openai.OpenAI, **more: Any) -> openai.types.chat.ChatCompletion:
    asked: dict[str, Any] = {"model": "codeintel", "messages": ASKED} | more
    reply: openai.types.chat.ChatCompletion = client.chat.completions.create(**asked)
    return reply


def stream(client: openai.OpenAI, **more: Any) -> list[openai.types.chat.ChatCompletionChunk]:
    asked: dict[str, Any] = {"model": "codeintel", "messages": ASKED, "stream": True} | more
    return list(client.chat.completions.create(**asked))


def content_of(reply: openai.types.chat.ChatCompletion) -> str:
    return reply.choices[0].message.content or ""


def parameters(module: Any, name: str) -> set[str]:
    """Return the parameters in OpenAI's own types, streaming or not."""
    return set(get_type_hints(getattr(module, f"{name}Streaming"))) | set(
        get_type_hints(getattr(module, f"{name}NonStreaming"))
    )


def unplaced(names: set[str], form: type[BaseModel], table: dict[str, Any]) -> set[str]:
    return {name for name in names if (name in form.model_fields) == (name in table)}


def test_every_parameter_of_openais_chat_has_its_place() -> None:
    assert unplaced(parameters(completion_create_params, "CompletionCreateParams"), ChatRequest, CHAT) == set()


def test_a_parameter_that_nobody_thought_of_is_refused_by_name(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="there is no parameter 'foresight'") as refused:
        ask(openai_client, extra_body={"foresight": True})
    assert refused.value.param == "foresight"
    assert refused.value.type == "invalid_request_error"


ASKS_FOR: dict[str, Any] = {
    "audio": {"voice": "alloy", "format": "wav"},
    "frequency_penalty": 0.5,
    "logit_bias": {"50256": -100},
    "logprobs": True,
    "modalities": ["text", "audio"],
    "moderation": {"model": "omni-moderation-latest"},
    "n": 2,
    "presence_penalty": 0.5,
    "service_tier": "flex",
    "store": True,
    "top_logprobs": 3,
    "verbosity": "low",
    "web_search_options": {},
}


def test_all_refusals_are_tried() -> None:
    assert ASKS_FOR.keys() == {name for name, parameter in CHAT.items() if isinstance(parameter, Refused)}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", ASKS_FOR)
def test_what_cannot_be_done_is_refused_in_one_line(openai_client: openai.OpenAI, name: str, stream: bool) -> None:
    with pytest.raises(openai.BadRequestError, match=f"{name} can't be done, because .+: .+") as refused:
        ask(openai_client, stream=stream, **{name: ASKS_FOR[name]})
    assert refused.value.param == name
    assert "\n" not in refused.value.message


def test_values_that_ask_for_nothing_are_not_refused(openai_client: openai.OpenAI) -> None:
    nothing = {
        name: refused.unless[0] for name, refused in CHAT.items() if isinstance(refused, Refused) and refused.unless
    }
    assert content_of(ask(openai_client, **nothing)) == content_of(ask(openai_client))
    assert content_of(ask(openai_client, **dict.fromkeys(ASKS_FOR))) == content_of(ask(openai_client))


HARMLESS: dict[str, Any] = {
    "metadata": {"team": "billing"},
    "min_p": 0.1,
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "x"},
    "prompt_cache_key": "k",
    "prompt_cache_options": {"mode": "implicit"},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "high",
    "safety_identifier": "s",
    "seed": 1,
    "temperature": 0.7,
    "top_k": 40,
    "top_p": 0.9,
    "user": "someone",
}


def test_what_has_no_effect_is_named(openai_client: openai.OpenAI) -> None:
    assert HARMLESS.keys() == {name for name, parameter in CHAT.items() if isinstance(parameter, Harmless)}
    reply = ask(openai_client, extra_body=HARMLESS)
    assert content_of(reply) == content_of(ask(openai_client))
    assert sorted((reply.model_extra or {})["ignored"]) == sorted(HARMLESS)
    last = stream(openai_client, extra_body=HARMLESS)[-1]
    assert sorted((last.model_extra or {})["ignored"]) == sorted(HARMLESS)


@pytest.mark.parametrize("stop", ["`", [" is ", "\n"], "**Sources**"])
def test_stop_ends_the_text_before_it(openai_client: openai.OpenAI, stop: Any) -> None:
    whole = content_of(ask(openai_client))
    stops = [stop] if isinstance(stop, str) else stop
    expected = whole[: min(whole.find(one) for one in stops if one in whole)]
    reply = ask(openai_client, stop=stop)
    assert content_of(reply) == expected
    assert reply.choices[0].finish_reason == "stop"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream(openai_client, stop=stop)) == expected


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_limit_of_tokens_cuts_the_text_and_says_so(openai_client: openai.OpenAI, name: str) -> None:
    whole, reply = content_of(ask(openai_client)), ask(openai_client, **{name: 12})
    message = reply.choices[0].message
    assert content_of(reply) == whole[:48]
    assert reply.choices[0].finish_reason == "length"
    assert reply.usage
    assert reply.usage.completion_tokens == 12
    assert all(f"[{one['n']}]" in content_of(reply) for one in (message.model_extra or {})["citations"])
    assert stream(openai_client, **{name: 12})[-1].choices[0].finish_reason == "length"
    assert ask(openai_client, **{name: 10_000}).choices[0].finish_reason == "stop"


TOOL = {"type": "function", "function": {"name": "read_file", "parameters": {"type": "object", "properties": {}}}}


def test_tools_may_be_offered_and_are_not_called(openai_client: openai.OpenAI) -> None:
    reply = ask(openai_client, tools=[TOOL], tool_choice="auto")
    assert reply.choices[0].message.tool_calls is None
    assert "shop/billing/charge.py" in content_of(reply)
    assert (reply.model_extra or {})["ignored"] == ["tools"]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "read_file"}}])
def test_a_tool_that_must_be_called_is_refused(openai_client: openai.OpenAI, choice: Any) -> None:
    with pytest.raises(openai.BadRequestError, match="calls no tools"):
        ask(openai_client, tools=[TOOL], tool_choice=choice)


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
SOUND = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}


@pytest.mark.parametrize("part", [IMAGE, SOUND, {"type": "file", "file": {"file_id": "f"}}])
def test_a_part_that_is_not_text_is_refused(openai_client: openai.OpenAI, part: dict[str, Any]) -> None:
    message = {"role": "user", "content": [{"type": "text", "text": QUESTION}, part]}
    with pytest.raises(openai.BadRequestError, match=f"{part['type']}: only text can be read: send it as text"):
        ask(openai_client, messages=[message])


def test_a_picture_earlier_in_the_chat_does_not_block_it(openai_client: openai.OpenAI) -> None:
    earlier = [{"role": "user", "content": [IMAGE]}, {"role": "assistant", "content": "I see only text."}]
    reply = ask(openai_client, messages=[*earlier, *ASKED])
    assert "shop/billing/charge.py" in content_of(reply)
    assert (reply.model_extra or {})["ignored"] == ["messages.0.image_url"]


@pytest.mark.parametrize(
    "prompt", ["You are a reviewer. Always answer in Russian.", "Ты ревьюер. Отвечай всегда на русском языке."]
)
def test_the_language_that_a_system_prompt_wants(openai_client: openai.OpenAI, prompt: str) -> None:
    reply = ask(openai_client, messages=[{"role": "system", "content": prompt}, *ASKED])
    assert "**Источники**" in content_of(reply)
    assert (reply.model_extra or {})["ignored"] == []


@pytest.mark.parametrize(
    "prompt", ["Never answer in Russian.", "Не отвечай по-русски.", "Answer in the user's language."]
)
def test_a_language_that_is_not_wanted(prompt: str) -> None:
    assert wanted_language(prompt) is None


def test_other_wishes_of_a_system_prompt_are_named_as_ignored(openai_client: openai.OpenAI) -> None:
    reply = ask(openai_client, messages=[{"role": "developer", "content": "Talk like a pirate."}, *ASKED])
    assert content_of(reply) == content_of(ask(openai_client))
    assert (reply.model_extra or {})["ignored"] == ["messages.0"]


def test_annotations_point_at_the_marks_and_link_to_the_lines(openai_client: openai.OpenAI, openai_url: str) -> None:
    message = ask(openai_client).choices[0].message
    assert message.annotations
    for annotation in message.annotations:
        cited = annotation.url_citation
        mark = (message.content or "")[cited.start_index : cited.end_index]
        citations = (message.model_extra or {})["citations"]
        (citation,) = [one for one in citations if mark == f"[{one['n']}]"]
        assert cited.title == f"{citation['file_path']}:{citation['line_start']}-{citation['line_end']}"
        assert cited.url.startswith(openai_url.removesuffix("v1") + "file?repo=shop&path=")
        assert f"#L{citation['line_start']}" in cited.url


def test_a_json_object_is_the_answer_with_its_citations(openai_client: openai.OpenAI) -> None:
    reply = ask(openai_client, response_format={"type": "json_object"})
    told = json.loads(content_of(reply))
    assert told["found"]
    assert any(one["file_path"] == "shop/billing/charge.py" for one in told["citations"])
    assert f"[{told['citations'][0]['n']}]" in told["answer"]


class Place(BaseModel):
    """Where something is set."""

    file: str
    attempts: int


def test_a_json_schema_needs_a_model(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"none is configured: use .+json_object"):
        openai_client.chat.completions.parse(model="codeintel", messages=ASKED, response_format=Place)


@pytest.mark.parametrize(
    ("schema", "cause"),
    [
        ({"type": "array"}, "not that of an object"),
        ({"type": "object", "properties": {"a": {"type": "string", "pattern": "(a+)+$"}}}, "uses 'pattern'"),
        ({"type": "object", "properties": {"a": {"type": "array", "minItems": 10**9}}}, "over 100 items"),
        ({"type": "object", "description": "x" * 20_000}, "over 16,000 characters"),
    ],
)
def test_a_schema_that_no_grammar_should_take(openai_client: openai.OpenAI, schema: Any, cause: str) -> None:
    form: Any = {"type": "json_schema", "json_schema": {"name": "a", "schema": schema}}
    with pytest.raises(openai.BadRequestError, match=cause):
        ask(openai_client, response_format=form)


def endpoint(indexed: Settings, url: str, folder: Path) -> Settings:
    changes = {"llm": "openai", "llm_url": url, "llm_model": "m", "llm_retries": 0, "data_dir": str(folder)}
    return indexed.model_copy(update=changes)


def test_a_json_schema_is_filled_by_the_model_from_the_answer(indexed: Settings, tmp_path: Path) -> None:
    filled = '{"file": "shop/billing/charge.py", "attempts": 5}'
    replies = says("It is five [1]. "), says(filled[:9], filled[9:])
    with llm_server(*replies) as llm, serving(endpoint(indexed, llm.url, tmp_path)) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0)
        reply = client.chat.completions.parse(model="codeintel", messages=ASKED, response_format=Place)
    assert reply.choices[0].message.parsed == Place(file="shop/billing/charge.py", attempts=5)
    asked = llm.requests[-1]
    assert asked["response_format"]["json_schema"]["schema"]["properties"].keys() == {"file", "attempts"}
    assert "It is five [1]." in asked["messages"][-1]["content"]


def test_without_evidence_a_schema_is_not_filled(indexed: Settings, tmp_path: Path) -> None:
    with llm_server(says("{}")) as llm, serving(endpoint(indexed, llm.url, tmp_path)) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0)
        asked: list[Any] = [{"role": "user", "content": "How do kangaroos brew espresso on Jupiter?"}]
        reply = client.chat.completions.parse(model="codeintel", messages=asked, response_format=Place)
    message = reply.choices[0].message
    assert message.refusal
    assert message.parsed is None
    assert llm.requests == []


@pytest.mark.parametrize(
    ("reply", "cause"),
    [(says("five"), "broke off its JSON"), (says("{}"), "ignores"), (breaks_off("{"), "no connection")],
)
def test_a_model_that_does_not_fill_the_schema(indexed: Settings, tmp_path: Path, reply: Any, cause: str) -> None:
    with llm_server(says("It is five [1]. "), reply) as llm, serving(endpoint(indexed, llm.url, tmp_path)) as address:
        client = openai.OpenAI(base_url=f"{address}/v1", api_key="any", max_retries=0)
        with pytest.raises(openai.InternalServerError, match=cause):
            client.chat.completions.parse(model="codeintel", messages=ASKED, response_format=Place)


def test_completions_are_refused(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="/v1/chat/completions"):
        openai_client.completions.create(model="codeintel", prompt="def charge(")


def test_a_path_that_is_not_there_is_no_missing_model(openai_client: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as refused:
        openai_client.images.generate(prompt="a cat")
    assert refused.value.code != "model_not_found"


@pytest.mark.parametrize(
    ("page", "done", "harmless", "refused"),
    [("api.md", "done", "no effect", "refused"), ("api.ru.md", "работает", "не влияет", "отказ")],
)
def test_the_page_says_what_becomes_of_each_parameter(page: str, done: str, harmless: str, refused: str) -> None:
    text = (Path(__file__).parents[2] / "docs" / page).read_text()
    rows = re.findall(r"^\| (`\w.*?`) \| ([^|]*?)(?: \(.*?\))? \|", text, re.MULTILINE)
    told = {name: verdict for names, verdict in rows for name in re.findall(r"`(\w+)`", names)}
    expected = dict.fromkeys(ChatRequest.model_fields, done)
    expected |= {name: harmless if isinstance(one, Harmless) else refused for name, one in CHAT.items()}
    assert told == expected
    others = {*ResponseRequest.model_fields, *RESPONSES, *EmbeddingRequest.model_fields}
    assert {name for name in others if f"`{name}`" not in text} == set()
