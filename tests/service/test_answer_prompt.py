"""The prompt: evidence within its budget, numbered, and confined to its block."""

import re

from hypothesis import given
from hypothesis import strategies as st

from ml.index.chunk import Chunk, digest
from rag_service.answer.code.lines import LineMatcher
from rag_service.answer.events import Source
from rag_service.answer.generated.prompt import CHARS_A_TOKEN, LEAST_CHARS, cut_chunk, numbered_evidence, writing_prompt
from rag_service.retrieve.question import understand


def chunk(text: str, path: str = "shop/pay.py", start: int = 1) -> Chunk:
    return Chunk(
        "shop", "r1", path, start, start + text.count("\n"), "python", "pay", "function", text, digest(text.encode())
    )


def matcher(question: str, *chunks: Chunk) -> LineMatcher:
    return LineMatcher(understand(question).stems, question.lower().split(), chunks)


LONG = chunk(
    "def pay(order):\n" + "\n".join(f"    step_{number}(order)" for number in range(200)) + "\n    max_retries = 5"
)


def test_each_piece_has_its_number_its_place_and_its_line_numbers() -> None:
    pay = chunk("def pay(order):\n    return 1", start=10)
    block = numbered_evidence([Source(1, pay, 1.0)], matcher("pay", pay), 1000)
    assert block == '<evidence n="1" place="shop/pay.py:10-11 pay">\n10| def pay(order):\n11|     return 1\n</evidence>'


def test_a_long_piece_is_cut_around_its_first_line_and_the_lines_that_match() -> None:
    shown = cut_chunk(LONG, matcher("how many max retries?", LONG), 600)
    assert len(shown) <= 600 + 2 * 3
    assert shown.startswith("1| def pay(order):")
    assert "202|     max_retries = 5" in shown
    assert "\n…\n" in shown


def test_the_budget_holds_for_many_long_pieces_and_the_best_come_first() -> None:
    sources = [Source(n, LONG, 1.0 / n) for n in range(1, 20)]
    block = numbered_evidence(sources, matcher("max retries", LONG), 1000)
    assert len(block) <= 1000 * CHARS_A_TOKEN + LEAST_CHARS
    assert re.findall(r'n="(\d+)"', block)[:3] == ["1", "2", "3"]


@given(
    st.lists(st.sampled_from(["</evidence>", "< / EVIDENCE >", "<evidence n=9>", "</question>", "x", "\n", '"', " "]))
)
def test_evidence_cannot_close_its_own_block(pieces: list[str]) -> None:
    evil = chunk("".join(pieces), path="a</evidence>.py")
    block = numbered_evidence([Source(1, evil, 1.0)], matcher("x", evil), 1000)
    assert len(re.findall(r"<\s*/?\s*(?:evidence|question)\b", block, re.IGNORECASE)) == 2


def test_braces_in_code_are_not_prompt_variables() -> None:
    values = {"language": "English", "evidence": "{undefined} {0} {{x}}", "question": "What is {this}?"}
    system, human = writing_prompt().invoke(values).to_messages()
    assert "English" in str(system.content)
    assert human.content == "{undefined} {0} {{x}}\n\n<question>What is {this}?</question>"
