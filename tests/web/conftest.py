"""Fixtures of the page's tests: a real Chromium, and the real service over a small index."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

from ml.settings import Settings
from tests.support.indexing import index_folder
from tests.support.service import serving
from tests.support.shop import write_shop

FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update"
QUESTION = "Where is the number of attempts to charge an order set?"
ANSWERED = "#answer[aria-busy=false] #answer-actions button"

HOSTILE = '''
def render_banner(text):
    """Shows a <img src=x onerror="window.pwned=1"> banner </script><script>window.pwned=1</script> to visitors.

    See [the manual](javascript:window.pwned=1) and <a href="javascript:window.pwned=1" onclick="window.pwned=1">this</a>.
    """
    return "<svg/onload=window.pwned=1>" + text + "`</code></pre><iframe srcdoc='<script>top.pwned=1</script>'>"
'''


def chromium() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not found:
        pytest.fail("the tests of the page need Chromium: run `make browser`, or set CHROMIUM=/path/to/chrome")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium(), args=FLAGS.split())
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return settings for an index of the shop and of a repository whose code attacks the page."""
    made = Settings(
        store=str(tmp_path_factory.mktemp("store")), data_dir=str(tmp_path_factory.mktemp("data")), llm="none"
    )
    shop, hostile = tmp_path_factory.mktemp("shop"), tmp_path_factory.mktemp("hostile")
    write_shop(shop)
    (hostile / "<b onclick=pwned>banner.py").write_text(HOSTILE, encoding="utf-8")
    for folder, name in ((shop, "shop"), (hostile, "hostile")):
        index_folder(made, folder, name)
    return made


@pytest.fixture(scope="session")
def url(settings: Settings) -> Iterator[str]:
    with serving(settings) as address:
        yield address


@dataclass
class Watch:
    """What a page did besides showing itself."""

    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note)

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.errors.append(message.text)


OpenPage = Callable[..., Page]


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def open_page(browser: Browser, url: str, watch: Watch) -> Iterator[OpenPage]:
    """Yield a function that opens the page; it may not call elsewhere or log errors, unless a test expects them."""
    contexts = []

    def open_at(path: str = "/", *, at: str = url, width: int = 1280, height: int = 800, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        watch.follow(page)
        page.goto(at + path)
        return page

    yield open_at
    for context in contexts:
        context.close()
    assert watch.errors == []


def ask(page: Page, question: str = QUESTION) -> None:
    page.fill("#question", question)
    page.press("#question", "Enter")
    page.wait_for_selector(ANSWERED)
