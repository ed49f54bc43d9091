"""The example answers of the documentation are those of the assistant, about the packages that `make ask` installs."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.examples import PAGES, open_examples, read_examples, write_example
from rag_service.answer.assistant import Assistant
from rag_service.answer.question import Language

MAKEFILE = Path(__file__).parents[2] / "Makefile"
NAMED = (
    "Why",
    "A premise that does not hold",
)  # they name what they ask about, so close scores elsewhere change nothing


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    with open_examples(tmp_path_factory.mktemp("examples")) as opened:
        yield opened


@pytest.mark.parametrize("language", PAGES)
def test_the_page_asks_the_questions_of_the_command(language: Language) -> None:
    page = PAGES[language].read_text(encoding="utf-8")

    assert re.findall(r"^## \d+\. (.+)$", page, re.MULTILINE) == [each.title[language] for each in read_examples()]
    asked = [question for each in read_examples() for question in each.questions(language)]
    assert re.findall(r"^> (.+)$", page, re.MULTILINE) == asked, "run: make docs"


@pytest.mark.parametrize("language", PAGES)
@pytest.mark.parametrize("title", NAMED)
def test_a_fresh_answer_is_the_one_on_the_page(assistant: Assistant, language: Language, title: str) -> None:
    (example,) = [each for each in read_examples() if each.title["en"] == title]

    fresh = "\n".join(write_example(assistant, example.questions(language)))
    assert fresh in PAGES[language].read_text(encoding="utf-8"), "run: make docs"


def test_the_first_example_is_what_make_ask_asks() -> None:
    (asked,) = re.findall(r"^export Q \?= (.+)$", MAKEFILE.read_text(encoding="utf-8"), re.MULTILINE)

    assert read_examples()[0].en == [asked]
