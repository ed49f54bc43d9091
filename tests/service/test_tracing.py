"""Traces: what arrives over OTLP at a real receiver, and that nothing is sent where no address is set."""

import builtins
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from pydantic import SecretStr

from ml.errors import SettingsError
from ml.settings import Settings
from rag_service.answer.asker import Asker
from rag_service.answer.assistant import open_assistant
from rag_service.tracing import open_tracer
from tests.support.llm_server import llm_server, says
from tests.support.otlp_receiver import Receiver, Span, otlp_receiver

QUESTION = "Where is the number of attempts to charge an order set?"
CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def traced(indexed: Settings, receiver: Receiver, asker: Asker, question: str = QUESTION) -> dict[str, Span]:
    with llm_server(says("The charger retries [1].")) as llm:
        settings = indexed.model_copy(
            update={
                "otlp_url": receiver.url,
                "otlp_headers": SecretStr("Authorization=Basic abc=,x-mlflow-experiment-id=7"),
                "llm": "openai",
                "llm_url": llm.url,
                "llm_model": "small",
                "llm_prompt_price": 2.0,
                "llm_completion_price": 10.0,
            }
        )
        with open_assistant(settings) as assistant:
            assistant.answer(question, asker=asker)
    return {span.name: span for span in receiver.spans}


def test_every_stage_is_a_child_span_of_its_answer(indexed: Settings) -> None:
    with otlp_receiver() as receiver:
        spans = traced(indexed, receiver, Asker("anna"))
    assert set(spans) == {"answer", "retrieve", "compose", "generate", "cite"}
    root = spans.pop("answer")
    assert {span.parent for span in spans.values()} == {root.id}
    assert all(root.start <= span.start <= span.end <= root.end for span in spans.values())
    assert spans["retrieve"].end <= spans["generate"].start
    assert (root.attributes["user.id"], root.attributes["input.value"]) == ("anna", QUESTION)
    assert "The charger retries [1]." in root.attributes["output.value"]
    assert receiver.headers["authorization"] == "Basic abc="
    assert receiver.headers["x-mlflow-experiment-id"] == "7"


def test_the_llm_span_has_token_counts_and_the_retriever_span_its_documents(indexed: Settings) -> None:
    with otlp_receiver() as receiver:
        spans = traced(indexed, receiver, Asker())
    llm = spans["generate"].attributes
    read, wrote = llm["gen_ai.usage.input_tokens"], llm["gen_ai.usage.output_tokens"]
    assert read > wrote > 0
    assert llm["gen_ai.usage.cost"] == pytest.approx((2 * read + 10 * wrote) / 1e6)
    assert llm["gen_ai.request.model"] == "small"
    assert spans["retrieve"].attributes["retrieval.documents.0.document.id"].startswith("shop:shop/")
    assert spans["cite"].attributes["codeintel.citations.kept"] == 1


def test_an_answer_continues_the_callers_trace(indexed: Settings) -> None:
    with otlp_receiver() as receiver:
        spans = traced(indexed, receiver, Asker("anna", CALLER))
    assert (spans["answer"].trace_id, spans["answer"].parent) == (CALLER.split("-")[1], CALLER.split("-")[2])


def test_secrets_are_not_sent(indexed: Settings) -> None:
    secret = "AKIA" + "IOSFODNN7EXAMPLQ"
    with otlp_receiver() as receiver:
        traced(indexed, receiver, Asker(), f"Where is the charge of an order made with {secret}?")
    assert receiver.spans
    assert all(secret not in str(value) for span in receiver.spans for value in span.attributes.values())


def test_an_unreachable_receiver_costs_no_answer(indexed: Settings) -> None:
    with otlp_receiver() as receiver:
        pass
    settings = indexed.model_copy(update={"otlp_url": receiver.url})
    with open_assistant(settings) as assistant:
        assert assistant.answer(QUESTION).citations


def test_without_its_packages_the_setting_is_a_one_line_error(
    indexed: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(
        name: str,
        outside: Mapping[str, object] | None = None,
        inside: Mapping[str, object] | None = None,
        names: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        if name.startswith("opentelemetry.exporter"):
            raise ImportError("no such package", name=name)
        return real(name, outside, inside, names, level)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError, match=r"codeintel\[tracing\]"):
        open_tracer(indexed.model_copy(update={"otlp_url": "http://127.0.0.1:1/v1/traces"}))


def test_nothing_is_traced_without_an_address(indexed: Settings) -> None:
    assert open_tracer(indexed) is None
