"""The page in a real browser: nothing in an index runs, hides or freezes the tab. See tests/web/test_safety.py too."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from ml.evaluation.case import Reply, Written
from ml.evaluation.evaluate import evaluate
from ml.evaluation.page import render
from ml.settings import Settings
from ml.training.examples import Example
from ml.visible import HIDDEN, visible
from tests.support.indexing import index_folder
from tests.support.service import serving
from tests.web.conftest import OpenPage, Watch, ask, browser, open_page, watch  # noqa: F401  # fixtures
from tests.web.test_safety import is_innocent

RUN = "window.pwned=1"
MARKUP = (
    f"<img src=x onerror={RUN}><script>{RUN}</script><svg/onload={RUN}><iframe srcdoc='<script>top.pwned=1</script>'>"
    f"\"'><b onclick={RUN}>&lt;i&gt;{{{{7*7}}}}${{{RUN}}}"
)
LINKS = (
    f"[a](javascript:{RUN}) [b](data:text/html,<script>{RUN}</script>) ![c](http://127.0.0.2/x.png) <http://127.0.0.2/>"
)
HIDING = "\u202etxt.exe\u2066\u200b\x1b[2J\x9b31m\U000e0041"
ATTACK = f"{MARKUP} {LINKS} {HIDING}"
SHOWN = "<U+202E>txt.exe<U+2066><U+200B><U+001B>[2J<U+009B>31m<U+E0041>"
CODE = f'''class PaymentGateway:
    """Sends payments to the gateway. {ATTACK}

    {ATTACK}
    """

    def send_payment(self, order):
        """Send the payment of an order. {ATTACK}"""
        # {ATTACK}
        return {ATTACK!r}
'''
ASKED = f"What does send_payment do? {ATTACK}"
SECONDS = 15_000  # enough on a busy machine; a frozen tab takes minutes
HUNDRED_THOUSAND = 100_000


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield the address of a service over a repository whose name, paths, code and symbols attack the page."""
    made = Settings(
        store=str(tmp_path_factory.mktemp("store")), data_dir=str(tmp_path_factory.mktemp("data")), llm="none"
    )
    code = tmp_path_factory.mktemp("code")
    (code / f"<img src=x onerror={RUN}> \u202eyp.py").write_text(CODE, encoding="utf-8")
    (code / "javascript:alert(1).js").write_text(f"export function sendPayment() {{ /* {ATTACK} */ }}\n")
    index_folder(made, code, f"{HIDING} {MARKUP}".replace("/", ""))
    with serving(made) as address:
        yield address


def responds(page: Page) -> bool:
    """Return whether the tab still runs scripts."""
    page.set_default_timeout(SECONDS)
    return bool(page.evaluate("new Promise((resolve) => setTimeout(() => resolve(true)))"))


def test_nothing_in_an_index_runs_or_hides(open_page: OpenPage, watch: Watch, url: str) -> None:  # noqa: F811
    page = open_page()
    ask(page, ASKED)
    expect(page.locator("#question-title")).to_contain_text(SHOWN)
    expect(page.locator("#sources")).to_contain_text(f"onerror={RUN}")
    assert is_innocent(page)
    page.locator("#source-list .place").first.click()
    page.wait_for_selector("#viewer .row.marked")
    expect(page.locator("#viewer-body")).to_contain_text(SHOWN)
    assert is_innocent(page)
    assert HIDDEN.findall(page.evaluate("document.body.innerText + document.title")) == []
    titles = page.evaluate("[...document.querySelectorAll('[title], [aria-label]')].map((n) => n.title + n.ariaLabel)")
    assert HIDDEN.findall("".join(titles)) == []
    assert [request for request in watch.requests if not request.startswith(url)] == []


def answer(text: str, part: int = 4_000) -> str:
    """Return an answer of the service as server-sent events, with its text in parts."""
    cited = {"n": 1, "repo": ATTACK, "file_path": ATTACK, "line_start": 1, "line_end": 2, "quote": ATTACK}
    source = cited | {
        "symbol": ATTACK,
        "kind": ATTACK,
        "language": ATTACK,
        "lines": [[["k", ATTACK]], [[ATTACK, ATTACK]]],
    }
    whole: dict[str, Any] = {
        "id": "1",
        "answer": text,
        "blocks": [],
        "notices": [ATTACK],
        "citations": [cited],
        "model": ATTACK,
    }
    whole |= {"timings": {"all": 1}, "dropped": 1, "found": True}
    searched = {"repo": ATTACK, "revision": ATTACK, "indexed_at": "2026-01-01T00:00:00+00:00", "behind": 1}
    left_out = {"repo": ATTACK, "path": ATTACK, "reason": ATTACK}
    scope = {"repositories": 1, "searched": [searched], "others": [ATTACK], "left_out": [left_out]}
    whole |= {"question": ATTACK, "explanation": "", "scope": scope}
    parts = [{"part": "answer", "text": text[at : at + part]} for at in range(0, len(text), part)]
    events = [("evidence", {"sources": [source]}), *(("text", data) for data in parts), ("answer", whole)]
    return "".join(f"event: {name}\ndata: {json.dumps(data)}\n\n" for name, data in events)


def replying(page: Page, pattern: str, **reply: Any) -> None:
    def fulfill(route: Route) -> None:
        route.fulfill(**reply)

    page.route(pattern, fulfill)


def test_a_hostile_answer_is_shown_as_text(open_page: OpenPage) -> None:  # noqa: F811
    page = open_page()
    text = f"# {ATTACK}\n\n{ATTACK} **{ATTACK}** [1]\n\n- {ATTACK}\n  - {ATTACK}\n\n> {ATTACK}\n\n```{RUN}\n{ATTACK}\n```\n"
    replying(page, "**/api/ask", body=answer(text), content_type="text/event-stream")
    ask(page)
    assert is_innocent(page)
    assert page.locator("#answer-text a:not(.cite)").count() == 0
    for place in ("#answer-text h3", "#answer-text li li", "#answer-text blockquote", "#answer-text pre", "#notices"):
        expect(page.locator(place).first).to_contain_text(SHOWN)
    for place in ("#answer-status", "#answer-scope", "#source-list .place", "#source-list .about", "#source-list pre"):
        expect(page.locator(place).first).to_contain_text("<U+202E>txt.exe")


def test_a_hostile_error_is_shown_as_text(open_page: OpenPage, watch: Watch) -> None:  # noqa: F811
    page = open_page()
    replying(page, "**/api/ask", status=422, json={"error": {"cause": ATTACK, "cure": f"`{ATTACK}`"}})
    page.fill("#question", "why?")
    page.press("#question", "Enter")
    expect(page.locator("#stage")).to_contain_text(SHOWN)
    assert is_innocent(page)
    watch.errors = [error for error in watch.errors if "422" not in error]


def test_copied_text_contains_no_escape(open_page: OpenPage) -> None:  # noqa: F811
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    replying(page, "**/api/ask", body=answer(f"It runs {HIDING} [1]."), content_type="text/event-stream")
    ask(page)
    page.locator("#answer-actions button").first.click()
    page.wait_for_function("navigator.clipboard.readText().then((text) => text.startsWith('It runs'))")
    assert page.evaluate("navigator.clipboard.readText()") == f"It runs {SHOWN} [1]."


def show(page: Page, address: str) -> None:
    """Follow an address as a link of the page does."""
    page.evaluate(
        "(address) => { history.pushState({}, '', address); dispatchEvent(new PopStateEvent('popstate')); }", address
    )


ANCHORS = {
    "L1-L2000000000000": "L1–30",
    "L29-L999999999999999": "L29–30",
    "L40-L50": "L30",
    "L" + "9" * 4_000: "",
    "L3-L2": "L2–3",
    "L0": "",
}


def test_lines_beyond_the_file_are_bounded(open_page: OpenPage) -> None:  # noqa: F811
    page = open_page()
    replying(page, "**/api/file?*", json=file([[["", "x"]]] * 30))
    for anchor, marked in ANCHORS.items():
        show(page, f"file?repo=r&path=p#{anchor}")
        page.wait_for_selector("#viewer .row")
        assert responds(page), anchor
        expect(page.locator("#viewer-lines")).to_have_text(marked)


def file(lines: list[Any]) -> dict[str, Any]:
    return {"repo": "r", "file_path": "p", "language": "python", "revision": "", "lines": lines}


FILES = {
    "100,000 lines": [[["k", "def"], ["", " f"]]] * HUNDRED_THOUSAND,
    "a line of 1 MB": [[["", "x" * 1_000_000]]],
    "a line of 200,000 spans": [[["k", "ab"], ["", "c"]] * HUNDRED_THOUSAND],
    "a line of 1 MB that is hidden": [[["", "\u202e" * 1_000_000]]],
    "hidden characters everywhere": [[["", "a\u202e" * 1_000]]] * 100,
}


def test_no_file_freezes_the_tab(open_page: OpenPage) -> None:  # noqa: F811
    page = open_page()
    for number, (name, lines) in enumerate(FILES.items()):
        replying(page, f"**/api/file?*path=p{number}", json=file(lines))
        show(page, f"file?repo=r&path=p{number}#L1-L2000000000000")
        page.wait_for_selector("#viewer .row")
        assert responds(page), name
        page.wait_for_selector("#viewer .row.marked")
        assert page.locator("#viewer .row").count() == min(len(lines), 5_000), name


def test_a_long_file_opens_at_the_requested_line(open_page: OpenPage) -> None:  # noqa: F811
    page = open_page()
    replying(page, "**/api/file?*", json=file([[["", f"line {n + 1}"]] for n in range(12_000)]))
    show(page, "file?repo=r&path=p#L6000-L6002")
    page.wait_for_selector("#viewer .row.marked")
    assert page.locator("#viewer .row.marked .text").all_inner_texts() == ["line 6000", "line 6001", "line 6002"]
    expect(page.locator("#L6000")).to_be_in_viewport()
    expect(page.locator(".beyond")).to_have_text(["Lines 1–3499", "Lines 8500–12000"])
    page.locator(".beyond").last.click()
    expect(page.locator("#viewer-lines")).to_have_text("L8500")
    expect(page.locator("#L8500")).to_be_in_viewport()
    expect(page.locator(".beyond")).to_have_text(["Lines 1–5999", "Lines 11000–12000"])


LENGTH = 120_000
ANSWERS = {
    "bold": "**x ",
    "brackets": "[",
    "links": "[a](",
    "ticks": "`a `",
    "many ticks": "` `` ``` ",
    "italic": "*a ",
    "escapes": "\\",
    "stars": "**",
    "rule": "- ",
    "quotes": "> ",
    "lines": "a\n",
    "paragraphs": "**x " * 4_900 + "\n\n",
    "heading": "#" + " " * (LENGTH - 10) + "x\ry",
    "lists": "".join(" " * depth + "- a\n" for depth in range(400)),
    "hidden": "\u202ea",
    "code": "```\n" + "`" * 1_000 + "\n",
}


RENDER = """async (text) => {
  const { Growing } = await import(new URL("assets/markdown.js", location.href));
  const root = document.getElementById("answer-text");
  new Growing(root, () => null).finish(text, []);
  return document.getElementById("result").hidden = false, root.offsetHeight >= 0;
}"""


def test_no_answer_freezes_the_tab(open_page: OpenPage) -> None:  # noqa: F811
    page = open_page()
    page.set_default_timeout(SECONDS)
    for name, unit in ANSWERS.items():
        assert page.evaluate(RENDER, unit * max(1, LENGTH // len(unit))), name
        assert responds(page), name


def test_an_answer_in_many_parts_does_not_freeze_the_tab(open_page: OpenPage) -> None:  # noqa: F811
    page = open_page()
    replying(page, "**/api/ask", body=answer("word " * 30_000, part=20), content_type="text/event-stream")
    ask(page)
    assert responds(page)


def test_the_report_shows_what_is_hidden(browser: Browser, tmp_path: Path, watch: Watch) -> None:  # noqa: F811
    places: dict[str, Any] = {"repo": ATTACK, "file_path": ATTACK, "line_start": 1, "line_end": 2}
    case = Example(question=ATTACK, context=ATTACK, answer=ATTACK, **places)
    reply = Reply(ATTACK, found=True, written=Written(ATTACK, supported=True))
    report = evaluate([case], lambda question: reply, model=ATTACK, absent=[ATTACK])
    text = render(report, against=report, link=lambda place: f"file:///{place}", made=ATTACK)
    (tmp_path / "report.html").write_text(text, encoding="utf-8")
    page = browser.new_page()
    watch.follow(page)
    page.goto((tmp_path / "report.html").as_uri())
    assert HIDDEN.findall(text) == []
    assert page.locator(".case .hidden-character").count() > 5
    assert page.evaluate("window.pwned ?? document.querySelectorAll('img, iframe, script, object, b').length") == 0
    assert all(
        address.startswith("file:///") for address in page.locator("a").evaluate_all("all => all.map((a) => a.href)")
    )
    assert watch.errors == []
    page.close()


def test_the_page_and_the_terminal_show_the_same(open_page: OpenPage) -> None:  # noqa: F811
    page = open_page()
    codes = (*range(0x3200), *range(0xF000, 0x10000), *range(0xE0000, 0xE1000), 0x1D173, 0x1BCA0)
    letters = [f"a{chr(code)}b" for code in codes if code not in (0x0D, 0x0A)]
    texts = ["".join(letters[at : at + 100]) for at in range(0, len(letters), 100)]
    texts += [
        "❤\ufe0f",
        "👩\u200d💻",
        "می\u200cخواهم",
        "1\ufe0f\u20e3",
        "a\r\nb",
        "a\r",
        "a\rb",
        "👍\U000e0041",
        "x\u200d💻",
    ]
    shown = page.evaluate(
        """async (texts) => {
          const { plain, nodes } = await import(new URL("assets/visible.js", location.href));
          const div = document.createElement("div");
          return texts.map((text) => { div.replaceChildren(...nodes(text)); return [plain(text), div.textContent]; });
        }""",
        texts,
    )
    assert shown == [[visible(text)] * 2 for text in texts]
