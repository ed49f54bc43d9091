"""What a model explains, above the evidence, and what was searched, below it."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ml.adapters.backends import open_llm
from ml.adapters.in_force import LlmInForce
from ml.settings import Settings
from tests.support.git import commit, git, make_repository
from tests.support.indexing import index_folder
from tests.support.llm_server import llm_server, pauses
from tests.support.service import serving
from tests.web.conftest import ANSWERED, OpenPage, Watch, ask
from tests.web.test_access import LOW_CONTRAST

QUESTION = "How does charge_order work?"
FIRST = (
    " delegates it. `charge_order` calls `send_request` with `self.gateway_url` for each attempt."
    " It promotes a separation of concerns. When"
)
THEN = " `send_request` fails, it handles `GatewayError` and calls `wait_before`. "
ABOVE = """(root) => {
  const [explanation, answer] = [".explanation", ".explanation + .prose"].map((name) => root.querySelector(name).getBoundingClientRect());
  return explanation.height > 0 && explanation.bottom <= answer.top;
}"""


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_the_explanation_streams_above_the_evidence(
    open_page: OpenPage,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    width: int,
    scheme: str,
) -> None:
    gate = threading.Event()
    with llm_server(pauses(gate, FIRST, THEN)) as server:
        changes = {"llm": "openai", "llm_url": server.url, "llm_model": "small", "data_dir": str(tmp_path)}
        changed = settings.model_copy(update=changes)
        llm = open_llm(changed)
        assert llm
        monkeypatch.setattr(LlmInForce, "get", lambda _: replace(llm, cites=False))
        with serving(changed) as service:
            page = open_page(at=service, width=width, color_scheme=scheme, reduced_motion="reduce")
            page.fill("#question", QUESTION)
            page.press("#question", "Enter")
            page.wait_for_selector("#answer-explanation .cite")
            explanation = page.locator("#answer-explanation")
            expect(explanation).to_contain_text("with self.gateway_url for each attempt")
            expect(page.locator("#answer")).to_have_attribute("aria-busy", "true")
            expect(page.locator("#answer-text")).to_contain_text("Its signature")
            assert page.locator("#answer").evaluate(ABOVE)
            gate.set()
            page.wait_for_selector(ANSWERED)
            expect(explanation).to_contain_text("handles GatewayError and calls wait_before")
            expect(explanation).not_to_contain_text("concerns")
            expect(page.locator("#answer-text")).not_to_contain_text("In the words of")
            expect(page.locator("#answer-status")).to_contain_text("composed from the code itself, explained by small")
            expect(page.locator("#answer-status")).to_contain_text("2 claims left out: no lines bear them")
            assert page.evaluate(LOW_CONTRAST) == []
            assert page.evaluate("document.documentElement.scrollWidth") == width
            ask_on(page, "thanks")
            turn = page.locator("#thread .turn")
            expect(turn.locator(".explanation")).to_contain_text("In the words of small")
            assert turn.evaluate(ABOVE)


def ask_on(page: Page, question: str) -> None:
    ask(page, question)
    expect(page.locator("#thread .turn")).to_have_count(1)


def test_the_footer_says_what_was_searched(open_page: OpenPage, tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path / "store"), data_dir=str(tmp_path / "data"), llm="none")
    files = {"retry.py": "def retry_charge(n: int) -> int:\n    return n + 1\n", "retry.min.js": "x;" * 2_000}
    make_repository(tmp_path / "shop", files)
    make_repository(tmp_path / "other", {"b.py": "y = 2\n"})
    for name in ("shop", "other"):
        index_folder(settings, tmp_path / name, name)
    revision = git(tmp_path / "shop", "rev-parse", "--short=7", "HEAD")
    commit(tmp_path / "shop", {"c.py": "z = 3\n"})
    with serving(settings) as service:
        page = open_page("/?q=what+does+retry_charge+in+retry.min.js+do%3F&repos=shop", at=service)
        expect(page.locator("#answer-scope li")).to_have_text(
            [
                f"shop {revision} · indexed now · its HEAD is ahead of the index by 1 commit",
                "not searched, because of the filter: other",
                "not indexed: retry.min.js (shop: minified)",
            ]
        )
        assert page.evaluate(LOW_CONTRAST) == []
        page.locator("#filter-note button").click()
        page.get_by_role("link", name="New question").click()
        ask(page, "what does retry_charge do?")
        expect(page.locator("#answer-scope")).to_contain_text("1 more repository searched")
        expect(page.locator("#answer-scope")).not_to_contain_text("not searched")


def test_a_filter_that_matches_nothing_is_cleared_by_a_click(open_page: OpenPage, watch: Watch) -> None:
    page = open_page("/?q=How+does+charge_order+work%3F&repos=nope")
    expect(page.get_by_role("alert")).to_contain_text("no repository 'nope' is indexed: choose among: hostile, shop")
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    page.get_by_role("button", name="Clear the filters and ask").click()
    page.wait_for_selector(ANSWERED)
    expect(page.locator("#filter-note button")).to_have_count(0)
    expect(page.locator("#answer-text")).to_contain_text("charge_order")
    assert len(watch.errors) == 1  # the browser's own line about status 400
    watch.errors.clear()


def test_a_step_links_to_its_own_lines(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, QUESTION)
    expect(page.locator("#answer-text ol > li > ul > li").first).to_be_visible()
    step = page.locator("#answer-text li .cite", has_text="line").first
    first, _, last = step.inner_text().removeprefix("lines ").removeprefix("line ").partition("–")
    step.click()
    page.wait_for_selector("#viewer .row.marked")
    marked = [row.get_attribute("id") for row in page.locator("#viewer .row.marked").all()]
    assert marked == [f"L{number}" for number in range(int(first), int(last or first) + 1)]


def test_a_long_list_of_places_is_folded(open_page: OpenPage) -> None:
    page = open_page()
    page.wait_for_selector("#example-list li")
    shown = page.evaluate(
        """async () => {
          const { blocks, element } = await import(new URL("assets/markdown.js", location.href));
          const list = (items) => element(blocks(items.join("\\n"))[0], () => null);
          const places = [1, 2, 3, 4, 5].map((n) => `- \\`shop/cart.ts:${n}-9\\` \\`add\\` [${n}]`);
          return [list(places), list(places.slice(1)), list(places.map(() => "- prose"))].map((node) => node.innerText ?? "")
            .concat(list(places).querySelectorAll("details li").length);
        }"""
    )
    assert "2 more" in shown[0]
    assert [("more" in text) for text in shown[1:3]] == [False, False]
    assert shown[3] == 2
