"""Properties of every file: each non-blank line is in exactly one piece, and line numbers are exact."""

import sysconfig
from collections import Counter
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.index.languages import BY_RECURSION, LANGUAGES
from ml.index.split import split

DATA = Path(__file__).with_name("data") / "languages"
NAMES = [
    *(f"file{language.suffixes[0]}" if language.suffixes else language.files[0] for language in LANGUAGES.values()),
    *(f"file{suffix}" for suffix in BY_RECURSION),
    "file.unknown",
]
WORDS = "class def function { } ( ) : ; = end if x y # // /* */ \" ' ``` --- - key: fn pub struct @a \n \n\n \t  \n    ".split(
    " "
)


def check(path: str, text: str) -> None:
    lines = text.split("\n")
    held: Counter[int] = Counter()
    for piece in split(path, text):
        assert piece.text == "\n".join(lines[piece.line_start - 1 : piece.line_end])
        held.update(range(piece.line_start, piece.line_end + 1))
    assert [number for number, line in enumerate(lines, start=1) if line.strip() and held[number] != 1] == []
    assert max(held.values(), default=1) == 1


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=15, deadline=None)
@given(words=st.lists(st.sampled_from(WORDS), max_size=120))
def test_any_text_in_any_language(name: str, words: list[str]) -> None:
    check(name, " ".join(words))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=10, deadline=None)
@given(text=st.text(max_size=300), data=st.binary(max_size=300))
def test_any_bytes(name: str, text: str, data: bytes) -> None:
    check(name, text)
    check(name, data.decode("latin-1"))
    check(name, data.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("name", sorted(file.name for file in DATA.iterdir()))
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_truncated_and_shuffled_source(name: str, data: st.DataObject) -> None:
    lines = (DATA / name).read_text().split("\n")
    check(name, "\n".join(data.draw(st.lists(st.sampled_from(lines), max_size=40))))


def test_real_repositories() -> None:
    """The installed packages and the standard library: thousands of files in a dozen languages."""
    roots = (Path(sysconfig.get_paths()["purelib"]), Path(sysconfig.get_paths()["stdlib"]))
    known = {suffix for language in LANGUAGES.values() for suffix in language.suffixes}
    files = (file for root in roots for file in sorted(root.rglob("*")) if file.suffix in known and file.is_file())
    checked = 0
    for file in islice(files, 0, None, 61):
        text = file.read_text(errors="replace")
        if len(text) < 300_000:
            check(file.name, text)
            checked += 1
    assert checked > 100
