"""The evaluation's report in a real browser: it is self-contained and fits the screen."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from ml.evaluation.case import Reply, Written
from ml.evaluation.evaluate import evaluate
from ml.evaluation.page import Losses, render
from ml.training.examples import Example
from tests.web.conftest import Watch

EXAMPLES = [
    Example(
        question=f"What does <b>step_{number}</b> return?",
        context="1| return 0",
        answer=f"`step_{number}` returns 0 [1].",
        repo="shop",
        file_path=f"shop/{'deep/' * number}step.py",
        line_start=number + 1,
        line_end=number + 9,
    )
    for number in range(15)
]


def replying(text: str) -> Reply:
    return Reply(text, found=True, written=Written(text, supported="0" in text))


@pytest.fixture
def page_file(tmp_path: Path) -> Path:
    ours = evaluate(EXAMPLES, lambda question: replying("it returns 0"), model="candidate", absent=["a", "b"])
    theirs = evaluate(EXAMPLES, lambda question: replying("a <i>function</i>"), model="base", absent=["a", "b"])
    losses = Losses([(step, 3 / step) for step in range(1, 40)], 2.5, 0.4)
    file = tmp_path / "report.html"
    file.write_text(render(ours, against=theirs, losses=losses, link=lambda place: "file:///nowhere"), encoding="utf-8")
    return file


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 400])
def test_it_is_self_contained_and_fits_the_screen(
    browser: Browser, page_file: Path, watch: Watch, scheme: str, width: int
) -> None:
    page = browser.new_page(
        color_scheme="dark" if scheme == "dark" else "light", viewport={"width": width, "height": 900}
    )
    watch.follow(page)
    page.goto(page_file.as_uri())
    assert watch.requests == [page_file.as_uri()]
    assert watch.errors == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("svg").count() == 4
    assert page.locator(".case").count() == 17
    page.locator("summary", has_text="The other 5 cases").click()
    assert page.locator(".case").last.is_visible()
    assert page.locator("b").count() == 0  # markup in a question is text
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(20, 23, 28)" if scheme == "dark" else "rgb(255, 255, 255)")
    page.close()
