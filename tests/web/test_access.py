"""Accessibility: by keyboard, by screen reader, on a phone, in light and dark, in English and Russian."""

from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import ANSWERED, QUESTION, OpenPage, ask

ANSWER = f"/?q={quote(QUESTION)}"
NOTHING = "/?q=kubernetes+scheduler"
FILE = "/file?repo=shop&path=shop%2Fbilling%2Fcharge.py#L12-L14"
SHOWN = {
    "/": "#example-list li",
    "/docs": "#docs[aria-busy=false]",
    ANSWER: ANSWERED,
    NOTHING: ANSWERED,
    FILE: "#viewer .row.marked",
}
INTERACTIVE = {"button", "link", "textbox", "checkbox", "searchbox", "DisclosureTriangle"}

# Every visible text with too little contrast to its background (WCAG 2.2, 1.4.3).
LOW_CONTRAST = """() => {
  const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }).getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => { context.clearRect(0, 0, 1, 1); context.fillStyle = colour; context.fillRect(0, 0, 1, 1); return [...context.getImageData(0, 0, 1, 1).data]; };
  const over = ([r, g, b, a], under) => [r, g, b].map((value, index) => (value * a + under[index] * (255 - a)) / 255);
  const luminance = (rgb) => rgb.map((value) => value / 255).map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)).reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
  const behind = (node) => { const chain = []; for (let at = node; at; at = at.parentElement) chain.unshift(getComputedStyle(at).backgroundColor); return chain.reduce((under, colour) => over(rgba(colour), under), rgba("Canvas").slice(0, 3)); };
  const low = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || !node.checkVisibility({ visibilityProperty: true }) || node.closest(".hidden, .skip, svg")) continue;
    const style = getComputedStyle(node);
    const back = behind(node);
    const [one, two] = [luminance(over(rgba(style.color), back)), luminance(back)].sort((a, b) => b - a);
    const size = parseFloat(style.fontSize);
    const needed = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
    if ((one + 0.05) / (two + 0.05) < needed) low.push(`${((one + 0.05) / (two + 0.05)).toFixed(2)} .${node.className} ${walker.currentNode.textContent.trim().slice(0, 30)}`);
  }
  return [...new Set(low)];
}"""


def accessibility_tree(page: Page) -> list[dict[str, Any]]:
    session = page.context.new_cdp_session(page)
    nodes: list[dict[str, Any]] = session.send("Accessibility.getFullAXTree")["nodes"]
    return [node for node in nodes if not node["ignored"]]


def role(node: dict[str, Any]) -> str:
    return str(node.get("role", {}).get("value", ""))


def name(node: dict[str, Any]) -> str:
    return str(node.get("name", {}).get("value", "")).strip()


def test_everything_works_by_keyboard(open_page: OpenPage) -> None:
    page = open_page()
    page.wait_for_selector("#example-list li")
    page.locator("body").focus()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("/")
    expect(page.locator("#question")).to_be_focused()
    page.keyboard.type("Where is the number of attempts")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("to charge an order set?")
    assert "\n" in page.input_value("#question")
    page.keyboard.press("Enter")
    page.wait_for_selector(ANSWERED)
    expect(page.locator("#question-title")).to_be_focused()
    places = page.locator("#source-list .place")
    page.keyboard.press("j")
    expect(places.nth(0)).to_be_focused()
    page.keyboard.press("j")
    expect(places.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(places.nth(0)).to_be_focused()
    assert page.evaluate("getComputedStyle(document.activeElement.closest('.card')).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    page.wait_for_selector("#viewer .row.marked")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).not_to_be_visible()
    expect(places.nth(0)).to_be_focused()
    page.keyboard.press("/")
    page.keyboard.press("ArrowUp")
    assert page.input_value("#question").startswith("Where is the number")


def test_the_keys_work_in_a_cyrillic_layout(open_page: OpenPage) -> None:
    page = open_page(ANSWER, locale="ru-RU")
    page.wait_for_selector(ANSWERED)
    press = "key => document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {...key, bubbles: true}))"
    page.evaluate(press, {"key": "о", "code": "KeyJ"})
    expect(page.locator("#source-list .place").first).to_be_focused()
    page.evaluate(press, {"key": ".", "code": "Slash"})
    expect(page.locator("#question")).to_be_focused()


def test_the_skip_link_leads_to_the_question(open_page: OpenPage) -> None:
    page = open_page()
    page.wait_for_selector("#example-list li")
    page.locator(".skip").focus()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#question")).to_be_focused()


def test_every_stop_of_the_tab_key_is_visible(open_page: OpenPage) -> None:
    page = open_page()
    ask(page)
    for _ in range(30):
        page.keyboard.press("Tab")
        focus = page.evaluate(
            """() => {
              const at = document.activeElement;
              if (at === document.body) return true; // it went out of the page
              return [at, ...[".card", ".chip", ".ask"].map((around) => at.closest(around))].filter(Boolean).some((node) => {
                const { outlineStyle, boxShadow } = getComputedStyle(node);
                return outlineStyle !== "none" || boxShadow !== "none";
              });
            }"""
        )
        assert focus, page.evaluate("document.activeElement.outerHTML")


@pytest.mark.parametrize("path", ["/", ANSWER, FILE, "/docs"])
def test_landmarks_and_names(open_page: OpenPage, path: str) -> None:
    page = open_page(path)
    page.wait_for_selector(SHOWN[path])
    nodes = accessibility_tree(page)
    assert {role(node) for node in nodes if not name(node)} & INTERACTIVE == set()
    if path != FILE:  # an open dialog hides the rest
        assert {"banner", "main"} <= {role(node) for node in nodes}
    page_facts = page.evaluate(
        """() => {
          const ids = [...document.querySelectorAll("[id]")].map((node) => node.id);
          const headings = [...document.querySelectorAll("h1")].filter((node) => node.checkVisibility());
          return [document.documentElement.lang, document.title !== "", new Set(ids).size === ids.length, headings.length];
        }"""
    )
    assert page_facts == ["en", True, True, 1]


def test_the_answer_is_a_live_region_that_waits_until_it_is_whole(open_page: OpenPage) -> None:
    page = open_page()
    ask(page)
    expect(page.locator("#answer-text")).to_have_attribute("aria-live", "polite")
    expect(page.locator("#announcer")).to_contain_text("Answer ready")
    cite = page.locator("#answer-text .cite").first
    assert ".py:" in (cite.get_attribute("aria-label") or "")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", list(SHOWN))
def test_contrast(open_page: OpenPage, scheme: str, path: str) -> None:
    page = open_page(path, color_scheme=scheme, reduced_motion="reduce")
    page.wait_for_selector(SHOWN[path])
    assert page.evaluate(LOW_CONTRAST) == []


def test_the_theme_can_be_chosen_and_stays(open_page: OpenPage) -> None:
    page = open_page(color_scheme="light")
    background = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(background)
    page.get_by_role("button", name="Light or dark").click()
    dark = page.evaluate(background)
    assert light != dark
    page.reload()
    assert page.evaluate(background) == dark
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(background) == light


@pytest.mark.parametrize("path", list(SHOWN))
@pytest.mark.parametrize("locale", ["en-US", "ru-RU"])
def test_a_phone_scrolls_vertically_only(open_page: OpenPage, path: str, locale: str) -> None:
    page = open_page(path, width=360, height=740, is_mobile=True, has_touch=True, locale=locale)
    page.wait_for_selector(SHOWN[path])
    assert page.evaluate("[document.documentElement.scrollWidth, document.body.scrollWidth]") == [360, 360]


def test_a_phone_keeps_repositories_in_a_drawer(open_page: OpenPage) -> None:
    page = open_page(width=360, height=740, is_mobile=True, has_touch=True)
    expect(page.locator("#fresh")).to_contain_text("shop")
    expect(page.locator("#repo-list")).not_to_be_visible()
    page.locator("#menu").tap()
    expect(page.locator("#repo-list")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#repo-list")).not_to_be_visible()
    expect(page.locator("#menu")).to_be_focused()


def test_the_page_speaks_russian(open_page: OpenPage) -> None:
    page = open_page(locale="ru-RU")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Что вы хотите узнать")
    assert page.evaluate("document.documentElement.lang") == "ru"
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("What do you want to know")
    page.reload()
    expect(page.get_by_role("heading", level=1)).to_contain_text("What do you want to know")


def test_both_languages_have_the_same_keys(open_page: OpenPage) -> None:
    page = open_page(locale="ru-RU")
    ask(page, QUESTION)
    assert "undefined" not in page.inner_text("body")
    missing = page.evaluate(
        """async () => {
          const source = await (await fetch("assets/i18n.js")).text();
          const keys = (part) => new Set([...part.matchAll(/^    (\\w+):/gm)].map(([, key]) => key));
          const [english, russian] = source.split("\\n  ru: {").map(keys);
          return [...english.symmetricDifference(russian)];
        }"""
    )
    assert missing == []


def test_reduced_motion_is_respected(open_page: OpenPage) -> None:
    page = open_page(reduced_motion="reduce")
    page.wait_for_selector("#example-list li")
    moving = """() => [...document.querySelectorAll("*")].filter((node) => {
      const { animationName, transitionDuration } = getComputedStyle(node);
      return animationName !== "none" || parseFloat(transitionDuration) > 0;
    }).length"""
    assert page.evaluate(moving) == 0
