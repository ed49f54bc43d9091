"""Code in the index is hostile until proven harmless: it never runs, and nothing is loaded from elsewhere."""

from playwright.sync_api import Page, expect

from tests.web.conftest import QUESTION, OpenPage, Watch, ask

INNOCENT = """() => ({
  pwned: window.pwned ?? null,
  foreign: [...document.querySelectorAll('img, iframe, script, object, embed, svg, style, form')]
    .filter((node) => node.closest('#answer, #sources, #viewer') && !node.matches('.icon, .comment')).length,
  links: [...document.querySelectorAll('a')].filter((link) => !link.href.startsWith(location.origin)).length,
  handlers: [...document.querySelectorAll('*')].filter((node) => [...node.attributes].some(({ name }) => name.startsWith('on'))).length,
})"""


def is_innocent(page: Page) -> bool:
    found: dict[str, object] = page.evaluate(INNOCENT)
    return found == {"pwned": None, "foreign": 0, "links": 0, "handlers": 0}


def test_hostile_code_is_shown_as_text(open_page: OpenPage) -> None:
    page = open_page()
    ask(page, "What does render_banner show to visitors? <img src=x onerror=window.pwned=1>")
    expect(page.locator("#sources")).to_contain_text('<img src=x onerror="window.pwned=1">')
    assert is_innocent(page)
    page.locator("#source-list .place", has_text="banner.py").first.click()
    page.wait_for_selector("#viewer .row.marked")
    expect(page.locator("#viewer-title")).to_contain_text("<b onclick=pwned>banner.py")
    expect(page.locator("#viewer-body")).to_contain_text("<svg/onload=window.pwned=1>")
    assert is_innocent(page)


def test_hostile_markdown_is_shown_as_text(open_page: OpenPage) -> None:
    page = open_page()
    page.wait_for_selector("#example-list li")
    shown = page.evaluate(
        """async () => {
          const { blocks, element } = await import(new URL("assets/markdown.js", location.href));
          const text = "<script>window.pwned=1</script> **<b>x</b>** [a](javascript:window.pwned=1) `<i>`\\n\\n"
            + "```html\\n<img src=x onerror=window.pwned=1>\\n```\\n\\n- <u>one</u>\\n  - two [7]\\n\\n# <h1>\\n> <q>";
          const root = document.getElementById("answer-text");
          root.replaceChildren(...blocks(text).map((block) => element(block, () => null)));
          return [...root.querySelectorAll("*")].map((node) => node.localName).join(" ");
        }"""
    )
    assert shown == "p strong code pre code span span ul li ul li h3 blockquote"
    expect(page.locator("#answer-text")).to_contain_text("[7]")
    assert is_innocent(page)


def test_no_request_leaves_the_origin(open_page: OpenPage, url: str, watch: Watch) -> None:
    page = open_page()
    ask(page)
    page.locator("#answer-text .cite").first.click()
    page.wait_for_selector("#viewer .row.marked")
    open_page("/docs").wait_for_selector("#docs[aria-busy=false]")
    assert len(watch.requests) > 15
    assert {request for request in watch.requests if not request.startswith(url)} == set()


def test_the_content_security_policy_is_the_last_line_of_defence(open_page: OpenPage, watch: Watch) -> None:
    page = open_page()
    page.wait_for_selector("#example-list li")
    refused = page.evaluate(
        """() => {
          try { document.body.innerHTML = "<p>"; return false } catch (error) { return error instanceof TypeError }
        }"""
    )
    assert refused
    page.evaluate("document.body.append(Object.assign(document.createElement('img'), {src: 'http://127.0.0.2/x.png'}))")
    page.wait_for_timeout(200)
    assert any("Content Security Policy" in error for error in watch.errors)
    watch.errors.clear()


def test_a_question_in_the_url_is_shown_as_text(open_page: OpenPage) -> None:
    page = open_page("/?q=%3Cimg%20src%3Dx%20onerror%3Dwindow.pwned%3D1%3E%20charge%20order")
    expect(page.locator("#question-title")).to_contain_text("<img src=x")
    assert is_innocent(page)
    assert QUESTION not in page.inner_text("#answer")
