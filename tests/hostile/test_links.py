"""No link, image or HTML tag gets from an LLM or a repository into an answer."""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.index.chunk import Chunk, digest
from rag_service.answer.composed.prose import plain
from rag_service.answer.events import Source
from rag_service.answer.generated.cite import Citations
from rag_service.answer.generated.links import strip_links
from rag_service.answer.generated.quotes import Quotations
from rag_service.answer.generated.segments import Segment, segments

CODE = 'def pay(order):\n    """See https://shop.example/docs."""\n    return handlers[name](order)'
PAY = Chunk("shop", "r1", "shop/pay.py", 10, 12, "python", "pay", "function", CODE, digest(CODE.encode()))
# What makes a Markdown reader link, load, define or parse, outside code.
LIVE = re.compile(
    r"\]\(|!\[\D|^[ >*+-]{0,9}\[[^\]]+\]:[ \t]*\S+[ \t]*$|://(?!shop\.example/docs\W)|\bwww\.|\bjavascript:|\bdata:[a-z]+/|"
    r"<(?:/?(?:img|a|iframe|script|svg|b|video|object)\b|[!?]|[a-z]\w*:|[a-z]\w*\s[^<>]*=)",
    re.IGNORECASE | re.MULTILINE,
)
ATTACKS = [
    "[![a](b)](http://evil.example/c)",
    "[![a](http://evil.example/i.png)](http://evil.example/c)",
    "[a][1]\n\n[1]: http://evil.example/x",
    "[a][ref]\n\n[ref]: <http://evil.example/x> 'title'",
    "[ref]\n\n> [ref]: /relative",
    "![a][ref]\n\n[ref]:\nhttp://evil.example",
    "![[x]](http://evil.example/x)",
    "![[note.png]]",
    "<img src=http://evil.example/x>",
    "<IMG\nSRC='http://evil.example/x'\n>",
    "<img src=x onerror=alert(1)//",
    "<im<img src=x>g src=http://evil.example/>",
    "<a href='http://evil.example'>here</a>",
    "<x onmouseover=alert(1)>",
    "<svg/onload=alert(1)>",
    "<!-- http://evil.example -->",
    "<http://evil.example/?q=secret>",
    "<javascript:alert(1)>",
    "see http://evil.example/?q=secret now",
    "see HTTPS://evil.example now",
    "see www.evil.example now",
    "ftp://evil.example/x and vscode://evil.example",
    "[x](javascript:alert(1))",
    "[x](data:text/html;base64,PHNjcmlwdD4=)",
    "[x](<http://evil.example/a b>)",
    '[x](http://evil.example "title")',
    "[x](http://evil.example/(a(b)c))",
    "[a\nb](http://evil.example)",
    "[a](\nhttp://evil.example\n)",
    "[a\\]b](http://evil.example)",
    "[a]<b></b>(http://evil.example)",
    "[a]~~~(/relative)",
    "[a]```(/relative)",
    "[a][9](/relative)",
    "[a]``(/relative)",
    "\\`[a](http://evil.example)\\`",
    "`a\nb` [x](http://evil.example) `c`",
    "``a` [x](http://evil.example) `",
    "`[x](http://evil.example)`",
    "`` `[x](/relative)` ``",
    "    ```\n[x](http://evil.example)\n    ```\n",
    "ht<b>tp://evil.example/x",
    "- [x](/relative)\n  1. ![y](z)",
    "https://shop.example/docs?leak=evil",
]
SCRAPS = ["[", "]", "(", ")", "!", "<", ">", "`", ":", "\n", "\t", " ", "\\", "a", "1", "/x", "http://evil.example/q", "<img src=", "[a]", "](b)"]  # fmt: skip
SCRAPS += ["![", "<b>", "~~~", "[9]", "[1]", "&#91;", "www.evil.example", "]:", "\u200b", "javascript:x", '"t"']


def show_answer(*parts: str) -> str:
    """Return what a reader sees after an LLM wrote these parts."""
    source = Source(1, PAY, 1.0)
    quotations = Quotations([source], "What does `pay` do?", "(own code)")
    citations = Citations([source], lambda repo, path: dict(enumerate(CODE.split("\n"), start=10)))
    return "".join(_shown(quotations, citations, segment) for segment in segments(iter(parts)))


def _shown(quotations: Quotations, citations: Citations, segment: Segment) -> str:
    text = citations.check(Segment(quotations.check(segment), segment.is_code))
    return text if segment.is_code else quotations.strip_links(text)


def outside_code(markdown: str) -> Iterator[str]:
    """Yield the text outside code by CommonMark's rules: spans may cross lines, an escaped backtick opens none."""
    lines, fence, kept = markdown.split("\n"), "", []
    for line in lines:
        opened = re.match(r" {0,3}(`{3,}|~{3,})(.*)", line)
        if fence:
            fence = "" if opened and opened[1].startswith(fence) and not opened[2].strip() else fence
        elif opened and "`" not in opened[2]:
            fence = opened[1]
        else:
            kept.append(line)
    text, at = "\n".join(kept), 0
    while opening := re.compile(r"(?<!\\)`+").search(text, at):
        yield text[at : opening.start()]
        closing = re.compile(rf"(?<!`)`{{{len(opening[0])}}}(?!`)").search(text, opening.end())
        at = closing.end() if closing else opening.end()
    yield text[at:]


@pytest.mark.parametrize("attack", ATTACKS)
def test_nothing_that_an_llm_writes_links_or_loads(attack: str) -> None:
    for parts in ([f"It pays [1]. {attack} So [1].\n"], [f"{attack}\n"], [*f"It pays [1]. {attack}\n"]):
        shown = show_answer(*parts)
        assert [live for text in outside_code(shown) if (live := LIVE.search(text) or re.search("evil", text))] == [], (
            shown
        )


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(SCRAPS), max_size=30), st.integers(1, 9))
def test_no_combination_links_or_loads(scraps: list[str], size: int) -> None:
    text = "".join(scraps)
    shown = show_answer(*(text[at : at + size] for at in range(0, len(text), size)))
    assert [live for text in outside_code(shown) if (live := LIVE.search(text))] == [], shown


@settings(max_examples=200, deadline=None)
@given(st.recursive(st.just("a"), lambda inner: st.builds("{}[{}{}]({})".format, st.sampled_from(["", "!"]), inner, st.sampled_from(["", " ", "\\"]), inner), max_leaves=40))  # fmt: skip
def test_nested_links_go_however_deep(nested: str) -> None:
    once = strip_links(nested, lambda address: False)
    assert "](" not in once
    assert strip_links(once, lambda address: False) == once


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="aB1 .,;:()[]'\"*_-=>/\nж", max_size=80).filter(lambda text: not re.search(r"\]\(|\]\[|\]:|://", text)))  # fmt: skip
def test_text_without_links_is_unchanged(text: str) -> None:
    assert strip_links(text, lambda address: False) == text


@pytest.mark.parametrize(
    "text",
    [
        "It runs `handlers[name](order)` [1].",
        "See https://shop.example/docs. It pays [1].",
        "A List of Map<String, Order> where a < b and c > d [1].",
        "```python\nreturn handlers[name](order)\n```\n",
    ],
)
def test_code_and_urls_of_the_evidence_stay(text: str) -> None:
    assert show_answer(text) == text


def test_a_docstring_adds_no_image_to_a_composed_answer() -> None:
    assert plain("Pays. [![build](http://evil.example/b.svg)](http://evil.example) <img src=x>") == "Pays. build"


def test_a_million_brackets_take_no_time() -> None:
    assert "](" not in strip_links("[a](" * 100_000 + "![" * 100_000, lambda address: False)
