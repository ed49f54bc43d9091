"""Whatever a model quotes has to be in the evidence."""

import pytest

from ml.index.chunk import Chunk, digest
from rag_service.answer.events import Source
from rag_service.answer.generated.quotes import Quotations
from rag_service.answer.generated.segments import segments

TEXT = "def pay(order):\n    max_retries = 5\n    return send_order(order, max_retries)"
PAY = Chunk("shop", "r1", "shop/pay.py", 10, 12, "python", "pay", "function", TEXT, digest(TEXT.encode()))


def checked(text: str) -> tuple[str, int]:
    quotations = Quotations([Source(1, PAY, 1.0)], "What does `Payment.pay` do?", "(own code)")
    return "".join(quotations.check(segment) for segment in segments(iter([text]))), quotations.dropped


@pytest.mark.parametrize(
    ("text", "expected", "dropped"),
    [
        ("`max_retries = 5` is set.", "`max_retries = 5` is set.", 0),
        ("`max_retries=5` is set.", "`max_retries=5` is set.", 0),
        ("`pay()` calls `send_order(order, ...)`.", "`pay()` calls `send_order(order, ...)`.", 0),
        ("It is in `shop/pay.py`, as `Payment.pay`.", "It is in `shop/pay.py`, as `Payment.pay`.", 0),
        ("It gives `None` then.", "It gives None then.", 0),
        ("It calls `send_order(max_retries)`.", "It calls send_order(max_retries).", 0),
        ("It calls `retry_later()`. It pays.", "It pays.", 1),
        ("- It calls `retry_later()`.\n- It pays.", "\n- It pays.", 1),
        ("See shop/pay.py:11 and pay.py:10-12.", "See shop/pay.py:11 and pay.py:10-12.", 0),
        ("It is set (shop/pay.py:99).", "It is set .", 1),
        ("It is set at `shop/other.py:11`.", "It is set at .", 1),
        ("It listens at example.com:8080.", "It listens at example.com:8080.", 0),
        ("See [the docs](http://evil.example/?q=1) [1].", "See the docs [1].", 0),
        ("![x](http://evil.example/x.png) It pays [1](x).", "x It pays [1].", 0),
    ],
)
def test_quotes_of_the_evidence_are_kept_and_others_removed(text: str, expected: str, dropped: int) -> None:
    assert checked(text) == (expected, dropped)


def test_a_block_of_the_evidence_stays_and_others_are_marked_as_the_models_own() -> None:
    quoted = "```python\n11| max_retries = 5\n...\nreturn send_order(order, max_retries)\n```\n"
    assert checked(quoted) == (quoted, 0)
    invented = "```python\npay(order, currency)\n```\n"
    assert checked(invented) == (f"{invented}\n(own code)\n", 0)
