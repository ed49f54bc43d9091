"""Asking, reading and judging an answer in a real browser."""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from playwright.sync_api import Page, expect
from pydantic import SecretStr

from ml.llm.model import Speed
from ml.llm.models.folder import ModelFolder
from ml.llm.weights import embedded_weights
from ml.settings import Settings
from tests.support.indexing import index_folder
from tests.support.llm_server import breaks_off, llm_server, trickles
from tests.support.service import serving
from tests.web.conftest import ANSWERED, QUESTION, OpenPage, Watch, ask


def marked_lines(page: Page) -> list[int]:
    rows = page.locator("#viewer .row.marked").all()
    return [int((row.get_attribute("id") or "").removeprefix("L")) for row in rows]


def test_a_citation_opens_the_file_at_the_cited_lines(open_page: OpenPage, url: str) -> None:
    page = open_page()
    ask(page)
    answer = httpx.post(f"{url}/api/ask", json={"question": QUESTION}).json()
    expect(page.locator("#question-title")).to_have_text(QUESTION)
    link = page.locator("#answer-text .cite").first
    cited = next(citation for citation in answer["citations"] if str(citation["n"]) == link.inner_text())
    link.click()
    expect(page.locator("#viewer-title")).to_contain_text(Path(cited["file_path"]).name)
    page.wait_for_selector("#viewer .row.marked")
    lines = list(range(cited["line_start"], cited["line_end"] + 1))
    assert marked_lines(page) == lines
    shown = [page.locator(f"#L{number} .text").text_content() for number in lines]
    assert "\n".join(text or "" for text in shown) == cited["quote"]
    expect(page.locator(f"#L{lines[0]}")).to_be_in_viewport()
    assert page.locator("#viewer .t-k").first.inner_text().strip()
    assert f"#L{lines[0]}" in page.url


def test_a_link_to_lines_can_be_shared(open_page: OpenPage) -> None:
    page = open_page("/file?repo=shop&path=shop%2Fbilling%2Fcharge.py#L12-L14")
    page.wait_for_selector("#viewer .row.marked")
    assert marked_lines(page) == [12, 13, 14]
    page.reload()
    page.wait_for_selector("#viewer .row.marked")
    assert marked_lines(page) == [12, 13, 14]
    page.click("#L20 a")
    page.click("#L18 a", modifiers=["Shift"])
    assert marked_lines(page) == [18, 19, 20]
    assert page.url.endswith("#L18-L20")
    page.click("#viewer-close")
    expect(page.locator("#viewer")).not_to_be_visible()
    assert urlsplit(page.url).path == "/"


def test_the_answer_streams_and_can_be_stopped(open_page: OpenPage, settings: Settings, tmp_path: Path) -> None:
    part = "It tries five times, `max_retries = 5` [1]. "
    with llm_server(trickles(part, seconds=20)) as llm, serving(with_llm(settings, llm.url, tmp_path)) as service:
        page = open_page(at=service)
        page.fill("#question", QUESTION)
        page.press("#question", "Enter")
        expect(page.locator("#source-list .card").first).to_be_visible()
        expect(page.locator("#answer")).to_have_attribute("aria-busy", "true")
        expect(page.locator("#answer-text")).to_have_text(re.compile("(?:It tries five times.*){2}"))
        before = len(page.inner_text("#answer-text"))
        expect(page.locator("#answer-text")).to_have_text(re.compile(f".{{{before + 40}}}"))
        expect(page.locator("#answer-text .cite").first).to_have_attribute("href", page_link("shop/billing/charge.py"))
        page.click("#send")
        expect(page.locator("#answer")).to_have_attribute("aria-busy", "false")


def page_link(path: str) -> re.Pattern[str]:
    return re.compile(rf"^file\?repo=shop&path={re.escape(path.replace('/', '%2F'))}#L\d+")


def with_llm(settings: Settings, url: str, folder: Path) -> Settings:
    return settings.model_copy(
        update={"llm": "openai", "llm_url": url, "llm_model": "m", "llm_retries": 0, "data_dir": str(folder)}
    )


def test_an_llm_that_breaks_off_is_reported(open_page: OpenPage, settings: Settings, tmp_path: Path) -> None:
    part = "It tries five times [1]. "
    with llm_server(breaks_off(part)) as llm, serving(with_llm(settings, llm.url, tmp_path)) as service:
        page = open_page(at=service)
        ask(page)
        expect(page.locator("#notices .notice")).to_be_visible()
        expect(page.locator("#answer-text .cite").first).to_be_visible()


def test_a_verdict_and_its_comment_are_recorded(open_page: OpenPage, settings: Settings) -> None:
    page = open_page()
    ask(page)
    page.get_by_role("button", name="Bad answer").click()
    expect(page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
    page.keyboard.type("the wrong class")
    page.keyboard.press("Enter")
    expect(page.locator("#verdict")).to_contain_text("Thank you")
    records = [json.loads(line) for line in (Path(settings.data_dir) / "feedback.jsonl").read_text().splitlines()]
    audit = [json.loads(line) for line in (Path(settings.data_dir) / "audit.jsonl").read_text().splitlines()]
    assert [(record["verdict"], record["comment"]) for record in records[-2:]] == [
        ("down", ""),
        ("down", "the wrong class"),
    ]
    assert records[-1]["id"] in {record["id"] for record in audit}


def test_filters_narrow_the_answer(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#language-list label", has_text="typescript").click()
    page.fill("#path-filter", "web/**")
    page.locator("#repo-list label", has_text="shop").click()
    expect(page.locator("#filter-note")).to_contain_text("shop · typescript · web/**")
    ask(page, "How is an item added to the cart?")
    places = page.locator(".place").evaluate_all("links => links.map(link => link.title.split(':')[0])")
    assert set(places) == {"web/cart.ts"}
    expect(page.locator("#filter-note")).to_contain_text("shop · typescript · web/**")
    page.locator("#filter-note button").click()
    expect(page.locator("#language-list input:checked")).to_have_count(0)


def test_going_back_shows_the_previous_answer_without_asking_again(open_page: OpenPage, watch: Watch) -> None:
    page = open_page()
    ask(page)
    first = page.inner_text("#answer-text")
    page.get_by_role("link", name="New question").click()
    ask(page, "What does place_order do?")
    assert page.inner_text("#answer-text") != first
    page.go_back()
    page.go_back()
    expect(page.locator("#question-title")).to_have_text(QUESTION)
    assert page.inner_text("#answer-text") == first
    page.reload()
    page.wait_for_selector(ANSWERED)
    assert page.inner_text("#answer-text") == first
    assert len([request for request in watch.requests if request.endswith("/api/ask")]) == 2


def test_finding_nothing_is_reported(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, "How does the Kubernetes scheduler preempt pods?")
    expect(page.locator("#answer-status")).to_contain_text("Nothing found")
    expect(page.locator("#sources")).not_to_be_visible()


def test_examples_are_about_what_is_indexed(open_page: OpenPage) -> None:
    page = open_page()
    expect(page.locator("#repo-list")).to_contain_text(re.compile(r"shop ?indexed (now|\d)"))
    example = page.locator("#example-list a").first
    text = example.inner_text()
    example.click()
    page.wait_for_selector(ANSWERED)
    expect(page.locator("#question-title")).to_have_text(text)
    expect(page.locator("#source-list .card").first).to_be_visible()


def test_an_overlong_question_is_rejected_and_kept_in_the_box(open_page: OpenPage, watch: Watch) -> None:
    page = open_page()
    page.fill("#question", "why " * 2000)
    page.press("#question", "Enter")
    expect(page.get_by_role("alert")).to_contain_text("more than 4,000")
    assert page.input_value("#question").startswith("why why")
    assert len(watch.errors) == 1  # the browser's own line about status 400
    watch.errors.clear()


def test_an_unreachable_service_is_reported(open_page: OpenPage, watch: Watch) -> None:
    page = open_page()
    expect(page.locator("#example-list li").first).to_be_visible()
    page.route("**/api/ask", lambda route: route.abort())
    page.fill("#question", QUESTION)
    page.press("#question", "Enter")
    expect(page.get_by_role("alert")).to_contain_text("codeintel serve")
    page.unroute("**/api/ask")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(ANSWERED)
    watch.errors.clear()


def test_a_truncated_answer_can_be_retried(open_page: OpenPage) -> None:
    page = open_page()
    page.wait_for_selector("#example-list li")
    cut = 'event: evidence\ndata: {"sources": []}\n\nevent: text\ndata: {"te'
    page.route("**/api/ask", lambda route: route.fulfill(body=cut, content_type="text/event-stream"))
    page.fill("#question", QUESTION)
    page.press("#question", "Enter")
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.unroute("**/api/ask")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(ANSWERED)


def test_an_empty_index_names_the_command_and_a_new_index_is_noticed(open_page: OpenPage, tmp_path: Path) -> None:
    settings = Settings(store=str(tmp_path / "store"), data_dir=str(tmp_path / "data"), llm="none")
    with serving(settings) as service:
        page = open_page(at=service)
        expect(page.locator("#stage")).to_contain_text("codeintel index PATH_OR_URL")
        (tmp_path / "code").mkdir()
        (tmp_path / "code" / "main.py").write_text("def start_everything():\n    return 1\n")
        index_folder(settings, tmp_path / "code", "code")
        expect(page.locator("#repo-list")).to_contain_text("code", timeout=10_000)
        expect(page.locator("#question")).to_be_visible()


def test_a_key_is_asked_for_and_kept_in_the_tab(open_page: OpenPage, settings: Settings, watch: Watch) -> None:
    with serving(settings.model_copy(update={"api_key": SecretStr("right-key")})) as service:
        page = open_page(at=service)
        page.get_by_label("Key").fill("wrong-key")
        page.keyboard.press("Enter")
        expect(page.locator("#stage")).to_contain_text("The key is wrong")
        page.get_by_label("Key").fill("right-key")
        page.keyboard.press("Enter")
        expect(page.locator("#example-list li").first).to_be_visible()
        ask(page)
        assert page.evaluate("Object.keys(localStorage).length") == 0
        page.reload()
        page.wait_for_selector(ANSWERED)
        assert all("401" in error for error in watch.errors)
        watch.errors.clear()


def test_the_documentation_of_the_api(open_page: OpenPage) -> None:
    page = open_page("/docs")
    expect(page.locator("#docs")).to_have_attribute("aria-busy", "false")
    expect(page.get_by_role("heading", name="/v1/chat/completions")).to_be_visible()
    expect(page.locator("#docs")).to_contain_text("Authorization: Bearer KEY")


def test_the_rail_names_the_model_its_licence_and_where_to_change_it(
    open_page: OpenPage, settings: Settings, tmp_path: Path
) -> None:
    expect(open_page().locator("#model")).to_contain_text("composed from the code itself")
    embedded = settings.model_copy(update={"llm": "embedded", "data_dir": str(tmp_path)})
    ModelFolder(embedded).keep_speed(str(embedded_weights()), Speed(90.0, 31.4))
    with serving(embedded) as service:
        model = open_page(at=service, height=500).locator("#model")
        expect(model).to_contain_text("SmolLM2-135M-Instruct, Q4_1")
        expect(model).to_contain_text("adds sentences to answers from the code")
        expect(model).to_contain_text("0.1 GB · Apache-2.0 · 8,192 tokens · 31 tokens/s")
        expect(model.locator("code").first).to_have_text("codeintel model use NAME")
        model.get_by_text("Other models").click()
        expect(model.get_by_text("codeintel model pull qwen2.5-coder-1.5b")).to_be_visible()
        russian = open_page(at=service, locale="ru-RU").locator("#model")
        expect(russian).to_contain_text(re.compile(r"0,1 ГБ · Apache-2.0 · 8\s192 токенов · 31 токенов/с"))
    with llm_server(breaks_off("")) as llm, serving(with_llm(settings, llm.url, tmp_path)) as service:
        expect(open_page(at=service).locator("#model")).to_contain_text("mwrites the answers")
