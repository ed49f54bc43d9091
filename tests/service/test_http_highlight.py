"""Highlighting never changes the text, and key symbols are names in use."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ml.index.chunk import Chunk
from rag_service.http.highlight import Line, highlight_blocks, highlight_lines
from rag_service.http.key_symbols import rank_symbols

SOURCE = Path(__file__).read_text(encoding="utf-8")
CLASSES = set("csnkftdbmg") | {""}


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(text for _, text in line) for line in lines)


@pytest.mark.parametrize("language", ["python", "typescript", "go", "html", "markdown", "", "no-such-language"])
def test_colours_keep_the_text(language: str) -> None:
    lines = highlight_lines(SOURCE, language)
    assert text_of(lines) == SOURCE
    assert {kind for line in lines for kind, _ in line} <= CLASSES


@given(
    st.text(alphabet="ab \n\t\"'`#<>&/*\\({", max_size=80), st.sampled_from(["python", "typescript", "html", "yaml"])
)
def test_colours_keep_any_text(text: str, language: str) -> None:
    assert text_of(highlight_lines(text, language)) == text


def test_what_is_coloured() -> None:
    (line,) = highlight_lines('def f(x): return "a" + 1  # why', "python")
    assert line[0] == ("k", "def ")
    assert {("f", "f"), ("s", '"a" '), ("n", "1  "), ("c", "# why")} <= set(line)


def test_the_language_may_come_from_the_path() -> None:
    assert highlight_lines("func main() {}", "", "main.go")[0][0][0] == "k"


def test_quoted_blocks_keep_their_line_numbers_apart() -> None:
    markdown = "Look:\n\n```python\n 9  def f():\n10      return 1\n ⋮\n12\n```\n\n~~~\nplain\n~~~\n"
    first, second = highlight_blocks(markdown)
    assert first[0][:2] == [("g", " 9"), ("k", "def ")]
    assert text_of(first) == " 9def f():\n10    return 1\n ⋮\n12"
    assert second == [[("", "plain")]]


def chunk(path: str, symbol: str, text: str, kind: str = "function") -> Chunk:
    return Chunk("r", "1", path, 1, 1, "python", symbol, kind, text, "")


def test_key_symbols_are_used_in_most_files() -> None:
    files = [
        [chunk("a.py", "Store", "class Store:", "class"), chunk("a.py", "_hidden", "def _hidden(): Store()")],
        [chunk("b.py", "open_store", "def open_store(): return Store()"), chunk("b.py", "main", "def main(): ...")],
        [
            chunk("c.py", "main", "def main(): open_store(Store())"),
            chunk("c.py", "Store.get", "def get(): ...", "method"),
        ],
        [chunk("d.py", "Example", "class Example: 'An Example, a main one.'", "class")],
    ]
    assert rank_symbols(files) == ["Store", "open_store", "Example"]
