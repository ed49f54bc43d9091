"""Scores that need no judge, against values computed by hand."""

import pytest

from ml.evaluation.answers import citation_precision, citation_recall, overlap
from ml.evaluation.case import Cited, Reply
from ml.evaluation.retrieval import Place, Target

CHARGE = Cited(1, Place("shop/charge.py", 12, 20, "shop"), "def charge_order(self, order):\n    return send(order)")
SEND = Cited(2, Place("shop/send.py", 3, 4, "shop"), "def send(order):\n    post(order)")


def precision(answer: str, *citations: Cited) -> float | None:
    return citation_precision(Reply(answer, found=True, citations=citations or (CHARGE, SEND)))


def test_a_citation_is_right_if_its_lines_contain_the_names_of_its_statement() -> None:
    assert precision("`charge_order` calls `send` [1].") == 1.0
    assert precision("`charge_order` calls `refund` [1].") == 0.0
    assert precision("`charge_order` returns what `send` gives [1], and `refund` posts it [2].") == 1 / 2


def test_the_last_part_of_a_dotted_name_is_enough() -> None:
    assert precision("`Charger.charge_order` charges [1].") == 1.0
    assert precision("`charge_order.Charger` charges [1].") == 0.0
    assert precision("It is `def charge_order(self, order)` [1].") == 1.0
    assert precision("It is `def charge_order(self, card)` [1].") == 0.0


def test_a_place_has_to_overlap_the_cited_lines() -> None:
    assert precision("`charge_order` is in `shop/charge.py:12-20` [1].") == 1.0
    assert precision("`charge_order` is in `shop/charge.py:21-30` [1].") == 0.0
    assert precision("`charge_order` is in `shop/send.py:12-20` [1].") == 0.0


def test_each_mark_counts_except_in_code_blocks() -> None:
    assert precision("`send` posts [1] [2].") == 1.0
    assert precision("`post` is called [1][2].") == 1 / 2
    assert precision("Its lines [1]:\n\n```python\n12  refund() [1]\n```\n`send` is called [1].") == 1.0


def test_prose_without_names_is_not_scored() -> None:
    assert precision("It takes the money for an order [1].") is None
    assert precision("I found nothing about that.") is None


def test_a_mark_without_a_citation_is_wrong() -> None:
    assert precision("`send` posts [7].") == 0.0


def test_recall_needs_the_place_to_be_cited() -> None:
    reply = Reply("", found=True, citations=(SEND, CHARGE))
    assert citation_recall(reply, Target("shop/charge.py", 18, 40, "shop")) == 1.0
    assert citation_recall(reply, Target("shop/charge.py", 21, 40, "shop")) == 0.0
    assert citation_recall(reply, Target("shop/charge.py", 18, 40, "bank")) == 0.0


def test_overlap_counts_only_words_not_in_the_question() -> None:
    question, wanted = "When does `send` raise GatewayError?", "`send` raises `GatewayError` when `status != 200` [1]."
    assert overlap(wanted, wanted, question) == 1.0
    assert overlap("`send` raises `GatewayError`", wanted, question) == 0.0  # the question again
    # New words: the reference has status, 200; the answer status, missing. One of two is shared.
    assert overlap("`send` raises it when the status is missing", wanted, question) == pytest.approx(2 * 1 / (2 + 2))
    assert overlap("", wanted, question) == 0.0


def test_overlap_of_an_answer_that_only_repeats_its_question() -> None:
    assert overlap("`send` posts", "`send` posts", "Does `send` post?") == 1.0


def test_overlap_compares_stems_and_their_counts() -> None:
    assert overlap("charging", "charged", "?") == 1.0
    assert overlap("card card card", "card", "?") == pytest.approx(2 / (3 + 1))
