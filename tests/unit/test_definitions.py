"""What each grammar's query finds in a file that holds most of what its language can define.

Beside each source is a `.symbols` file: kind, name, first-last line (comments and decorators above included), and the
signature, each definition below the one that it is in.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.index.languages import LANGUAGES, language_of
from ml.index.languages.definitions import Definition, read_syntax

DATA = Path(__file__).with_name("data") / "definitions"
SOURCES = sorted(file.name for file in DATA.iterdir() if file.suffix != ".symbols")


def format_definitions(found: list[Definition], indent: str = "") -> Iterator[str]:
    for one in found:
        yield f"{indent}{one.kind} {one.symbol} {one.start + 1}-{one.end + 1} | {one.signature}"
        yield from format_definitions(one.children, indent + "  ")


@pytest.mark.parametrize("name", SOURCES)
def test_definitions_of_a_language(name: str) -> None:
    text = (DATA / name).read_text()

    syntax = read_syntax(LANGUAGES[language_of(name, text)], text.encode())

    assert syntax is not None
    assert list(format_definitions(syntax.definitions)) == (DATA / f"{name}.symbols").read_text().splitlines()


def test_every_language_has_an_example() -> None:
    assert {language_of(name, "") for name in SOURCES} >= set(LANGUAGES) - {"tsx"}
