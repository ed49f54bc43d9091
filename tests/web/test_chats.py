"""Conversations on the page: follow-ups, and the kept chats at its side."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from ml.settings import Settings
from tests.support.service import serving
from tests.web.conftest import ANSWERED, OpenPage, Watch, ask

FIRST, SECOND = "What does send_request do?", "who calls it?"


@pytest.fixture
def service(settings: Settings, tmp_path: Path) -> Iterator[str]:
    """Return the address of a service that keeps no chats of other tests."""
    with serving(settings.model_copy(update={"data_dir": str(tmp_path)})) as address:
        yield address


def ask_on(page: Page, question: str) -> None:
    page.fill("#question", question)
    page.press("#question", "Enter")
    expect(page.locator("#question-title")).to_have_text(question)
    page.wait_for_selector(ANSWERED)


def in_bar(page: Page, name: str) -> None:
    page.locator("#chat-bar").get_by_role("button", name=name).click()


def test_a_follow_up_is_answered_below_the_answer_before(open_page: OpenPage, service: str) -> None:
    page = open_page(at=service)
    ask(page, FIRST)
    expect(page.locator("#answer-asked")).to_be_hidden()
    ask_on(page, SECOND)
    expect(page.locator("#answer-asked")).to_have_text("Understood as: who calls send_request?")
    expect(page.locator("#thread .turn h2")).to_have_text(FIRST)
    expect(page.locator("#question-title")).to_be_in_viewport()
    expect(page.locator("#answer-text")).to_contain_text("shop/billing/charge.py")
    page.locator("#thread .cite").first.click()
    expect(page.locator("#viewer-title")).to_contain_text("gateway.py")
    page.keyboard.press("Escape")
    ask_on(page, "thanks")
    expect(page.locator("#answer-text")).to_contain_text("You are welcome")
    expect(page.locator("#chat-list a")).to_have_count(1)


def test_a_link_opens_the_chat_and_it_goes_on(open_page: OpenPage, service: str, watch: Watch) -> None:
    page = open_page(at=service)
    ask(page, FIRST)
    ask_on(page, SECOND)
    link = page.url
    assert re.search(r"\?chat=[0-9a-f]{16}$", link)
    other = open_page(link.removeprefix(service), at=service)
    expect(other.locator("#question-title")).to_have_text(SECOND)
    expect(other.locator("#thread .turn h2")).to_have_text(FIRST)
    assert other.inner_text("#answer-text") == page.inner_text("#answer-text")
    expect(other.locator("#source-list .card").first).to_be_visible()
    ask_on(other, "show me the code")
    expect(other.locator("#answer-text pre")).to_contain_text("reply = post(url")
    assert len([request for request in watch.requests if request.endswith("/api/ask")]) == 3


def test_chats_are_searched(open_page: OpenPage, service: str) -> None:
    page = open_page(at=service)
    for question in (FIRST, "Where is ShoppingCart?"):
        page.get_by_role("link", name="New question").click()
        ask(page, question)
    expect(page.locator("#chat-list a")).to_have_text(["Where is ShoppingCart?", FIRST])
    expect(page.locator("#chat-list a[aria-current]")).to_have_text("Where is ShoppingCart?")
    page.get_by_label("Search the chats").fill("SHOPPINGcart where")
    expect(page.locator("#chat-list a")).to_have_text(["Where is ShoppingCart?"])
    page.locator("#chat-list a").click()
    expect(page.locator("#question-title")).to_have_text("Where is ShoppingCart?")
    page.get_by_label("Search the chats").fill("no such words")
    expect(page.locator("#chat-note")).to_have_text("No chat contains these words.")


def test_a_chat_is_renamed_by_keyboard(open_page: OpenPage, service: str) -> None:
    page = open_page(at=service)
    ask(page, FIRST)
    in_bar(page, "Rename the chat")
    expect(page.get_by_label("Title")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#chat-bar .title")).to_have_text(FIRST)
    page.keyboard.press("Enter")
    page.keyboard.type("The <b>gateway</b>")
    page.keyboard.press("Enter")
    expect(page.locator("#chat-bar .title")).to_have_text("The <b>gateway</b>")
    expect(page.locator("#chat-list a")).to_have_text("The <b>gateway</b>")
    expect(page.locator("#chat-bar").get_by_role("button", name="Rename the chat")).to_be_focused()


def test_a_chat_is_deleted_only_when_confirmed(open_page: OpenPage, service: str, watch: Watch) -> None:
    page = open_page(at=service)
    ask(page, FIRST)
    link = page.url
    in_bar(page, "Delete the chat")
    expect(page.get_by_role("alert")).to_have_text("Delete this chat for good?")
    expect(page.get_by_role("button", name="Cancel")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#chat-list a")).to_have_count(1)
    in_bar(page, "Delete the chat")
    page.get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator("#chat-note")).to_have_text("Your chats will be listed here.")
    expect(page.locator("#home")).to_be_visible()
    page.goto(link)
    expect(page.get_by_role("alert")).to_contain_text("there is no chat")
    assert all("404" in error for error in watch.errors)
    watch.errors.clear()


def test_a_chat_is_exported_as_markdown(open_page: OpenPage, service: str) -> None:
    page = open_page(at=service)
    ask(page, FIRST)
    with page.expect_download() as downloading:
        in_bar(page, "Export as Markdown")
    assert downloading.value.suggested_filename == "What does send_request do.md"
    text = Path(downloading.value.path()).read_text(encoding="utf-8")
    assert text.startswith(f"# {FIRST}\n")
    assert "- [1] `shop/billing/gateway.py:8-13` (shop)" in text


def test_without_keeping_the_tab_remembers_the_conversation(
    open_page: OpenPage, settings: Settings, tmp_path: Path
) -> None:
    with serving(settings.model_copy(update={"data_dir": str(tmp_path), "keep_chats": False})) as service:
        page = open_page(at=service)
        expect(page.locator("#chat-note")).to_have_text("Chats are not kept here.")
        ask(page, FIRST)
        ask_on(page, SECOND)
        expect(page.locator("#answer-asked")).to_contain_text("who calls send_request?")
        expect(page.locator("#chat-bar")).to_be_hidden()
    assert not (tmp_path / "chats.sqlite").exists()


def test_chats_on_a_phone_in_russian(open_page: OpenPage, service: str) -> None:
    page = open_page(at=service, width=390, height=844, locale="ru-RU")
    ask(page, "Кто вызывает send_request?")
    ask_on(page, "покажи код")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#menu").click()
    page.get_by_role("link", name="Новый вопрос").click()
    page.locator("#menu").click()
    page.locator("#chat-list a").click()
    expect(page.locator("#question-title")).to_have_text("покажи код")
    expect(page.locator("#thread .turn h2")).to_have_text("Кто вызывает send_request?")


def test_a_kept_answer_that_attacks_the_page_is_shown_as_text(open_page: OpenPage, service: str) -> None:
    page = open_page(at=service)
    ask(page, "What does render_banner do? <img src=x onerror=window.pwned=1>")
    page.reload()
    page.wait_for_selector(ANSWERED)
    ask_on(page, "show me the code")
    expect(page.locator("#answer-text")).to_contain_text("<svg/onload=window.pwned=1>")
    assert json.dumps(page.evaluate("window.pwned ?? null")) == "null"
