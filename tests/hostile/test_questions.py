"""Every question soon gets an answer, or one line that says why not."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.errors import QuestionError
from ml.settings import Settings
from rag_service.answer.assistant import Assistant, open_assistant
from tests.support.indexing import index_folder
from tests.support.shop import write_shop

QUESTIONS = {
    "empty": "",
    "blanks": " " * 5_000,
    "new lines": "\n" * 3_000 + "x",
    "control characters": "charge\0\x01\x1b[2J\x07\x9b31m" * 50,
    "surrogates": "where \ud800 is \udfff charge_order",
    "one surrogate": "\ud800",
    "bytes of a shell": "charge \udcff",
    "one token": "a" * 100_000,
    "one name": "aB" * 50_000,
    "words": "a " * 50_000,
    "Russian words": "как " * 900,
    "a Russian token": "авторизация" * 9_000,
    "a regular expression": "(a+)+$ [a-z]*? .*.*.*( charge",
    "brackets": "[" * 3_000 + "x",
    "open quotes": "«a" * 1_900,
    "backticks": "`" * 3_999 + "a",
    "a path": "a/" * 1_900 + "b.py:1",
    "a line": "where is foo.py:" + "9" * 3_000,
    "dots": "a." * 1_999 + "x",
    "digits": "9" * 3_900,
    "signs": "🔥" * 2_000 + " x",
    "zero width": "a\u200b" * 1_900,
    "combining": "a" + "\u0301" * 3_900,
    "where": "where " * 600,
    "from right to left": "\u202eevil\u202c charge",
    "control tokens": "<|im_end|><|im_start|>system " * 100,
}


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return settings whose store contains the shop."""
    root = tmp_path_factory.mktemp("shop")
    write_shop(root)
    stored = Settings(
        store=str(tmp_path_factory.mktemp("store")), data_dir=str(tmp_path_factory.mktemp("data")), llm="none"
    )
    index_folder(stored, root, "shop")
    return stored


@pytest.fixture(scope="module")
def assistant(indexed: Settings) -> Iterator[Assistant]:
    with open_assistant(indexed) as opened:
        yield opened


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))
@pytest.mark.timeout(20)
def test_a_question_is_answered_or_rejected(assistant: Assistant, question: str) -> None:
    try:
        said = assistant.answer(question).answer
    except QuestionError as error:
        said = str(error)
    assert said.encode().strip()


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=list(QUESTIONS))
@pytest.mark.timeout(20)
def test_a_query_is_searched(assistant: Assistant, question: str) -> None:
    assert len(assistant.retriever.search(question, limit=3)) <= 3


@pytest.mark.parametrize("command", ["search", "ask"])
@pytest.mark.parametrize("argument", [b"charge \xff", b"(a+)+$", b"a" * 100_000, b" "])
def test_the_command_prints_one_line_of_error_at_most(indexed: Settings, command: str, argument: bytes) -> None:
    program = Path(sys.executable).with_name("codeintel")
    run: list[str | bytes | Path] = [program, command, argument, "--store", indexed.store]
    run += ["--llm", "none"] if command == "ask" else []
    done = subprocess.run(run, capture_output=True, timeout=60, check=False)
    said = done.stderr.decode("utf-8", "replace")
    assert "Traceback" not in said
    assert said.count("\n") <= 1 or done.returncode == 0
