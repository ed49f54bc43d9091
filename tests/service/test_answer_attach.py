"""Citations attached afterwards: which sentences lines bear, and which lines. The code is the shop's."""

import re

import pytest

from ml.settings import Settings
from rag_service.answer.events import Source
from rag_service.answer.generated.attach import Attacher
from rag_service.retrieve import Retriever, open_retriever

QUESTION = "What happens to an order?"


@pytest.fixture(scope="module")
def retriever(indexed: Settings) -> Retriever:
    return open_retriever(indexed)


@pytest.fixture
def attacher(retriever: Retriever) -> Attacher:
    paths = ("shop/billing/charge.py", "shop/billing/gateway.py", "shop/orders.py")
    chunks = [chunk for path in paths for chunk in retriever.store.chunks("shop", path)]
    return Attacher([Source(n, chunk, 1.0) for n, chunk in enumerate(chunks, start=1)], retriever, QUESTION)


def cited_text(retriever: Retriever, attacher: Attacher, sentence: str, topic: str = "") -> str:
    """Return the text of the lines that a sentence gets, "" if it gets none."""
    borne = attacher.attach(sentence, topic)
    if borne is None:
        return ""
    sources = {source.n: source.chunk for source in attacher.sources}
    texts = []
    for n, first, last in re.findall(r"(\d+):(\d+)-(\d+)", borne.marks):
        chunk = sources[int(n)]
        texts += chunk.text.split("\n")[int(first) - chunk.line_start : int(last) - chunk.line_start + 1]
    return "\n".join(texts)


@pytest.mark.parametrize(
    ("sentence", "lines"),
    [
        (
            "`charge_order` calls `send_request` with `self.gateway_url` and the order.",
            "send_request(self.gateway_url, order)",
        ),
        ("`send_request` raises `GatewayError` if `reply.status` is not 200.", "raise GatewayError(reply.text)"),
        ("`charge_order` is called by `place_order`.", "return charger.charge_order("),
        ("`send_request` is called by `charge_order` for each attempt.", "receipt = send_request("),
        ("`Charger` sets `max_retries` to 5.", "max_retries = 5"),
        (
            "`charge_order` raises `GatewayError` once no attempt succeeded.",
            'raise GatewayError("no attempt succeeded")',
        ),
        (
            "When `send_request` fails, `charge_order` handles `GatewayError` and calls `wait_before`.",
            "except GatewayError:",
        ),
        ("`total_price` returns 0 if `discount` is more than `price`.", "return 0"),
        ("`place_order` вызывает `charge_order` и возвращает результат.", "return charger.charge_order("),
        (
            "`send_request` выбрасывает `GatewayError`, если `reply.status` не равен 200.",
            "raise GatewayError(reply.text)",
        ),
    ],
)
def test_a_sentence_gets_the_lines_that_bear_it(
    retriever: Retriever, attacher: Attacher, sentence: str, lines: str
) -> None:
    assert lines in cited_text(retriever, attacher, sentence)


@pytest.mark.parametrize(
    ("why", "sentence"),
    [
        ("the other way round", "`send_request` calls `charge_order` for each attempt."),
        ("the other way round, in the passive", "`charge_order` is called by `send_request` for each attempt."),
        ("another one calls it", "`place_order` calls `send_request` with the order."),
        ("another one raises it", "`total_price` raises `GatewayError` when the discount is too high."),
        ("raises what it returns", "`charge_order` raises `receipt` for the order."),
        ("the other branch", "`send_request` raises `GatewayError` if `reply` is missing."),
        ("another value", "`Charger` sets `max_retries` to 7."),
        ("set elsewhere", "`send_request` sets `max_retries` for the order."),
        ("an invented name", "`charge_order` calls `retry_payment` after each attempt."),
        ("a guess", "`charge_order` probably calls `send_request` for the order."),
        ("an opinion", "`charge_order` is a robust way to call `send_request`."),
        ("general knowledge", "`charge_order` follows the retry pattern known from distributed systems."),
        ("a denial", "`charge_order` never calls `wait_before`."),
        ("an echo", "`charge_order` happens to an order."),
        ("nothing named", "The design separates concerns between billing layers."),
        ("the other way round, in Russian", "`send_request` вызывает `charge_order` для заказа."),
    ],
)
def test_what_no_lines_bear_gets_none(retriever: Retriever, attacher: Attacher, why: str, sentence: str) -> None:
    assert cited_text(retriever, attacher, sentence) == "", why


def test_a_tail_that_the_code_does_not_show_is_cut_off(attacher: Attacher) -> None:
    borne = attacher.attach(
        "`charge_order` calls `wait_before` with `attempt`, ensuring that the gateway is not overloaded."
    )
    assert borne
    assert borne.text == "`charge_order` calls `wait_before` with `attempt`."
    assert borne.cited == f"`charge_order` calls `wait_before` with `attempt` {borne.marks}."


def test_it_is_the_subject_of_the_sentence_before(retriever: Retriever, attacher: Attacher) -> None:
    assert "raise GatewayError(reply.text)" in cited_text(
        retriever, attacher, "It raises `GatewayError` with `reply.text`.", "send_request"
    )
    assert cited_text(retriever, attacher, "It raises `GatewayError` with `reply.text`.", "total_price") == ""
    assert cited_text(retriever, attacher, "It raises `GatewayError` with `reply.text`.") == ""
