"""Highlighting finishes in time, whatever the code, and never blocks a question."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.settings import Settings
from rag_service.http import painting
from rag_service.http.highlight import LONGEST, Line, highlight_lines
from rag_service.http.painting import Painter
from tests.hostile.serving import pulse
from tests.support.indexing import index_folder
from tests.support.service import serving

SLOW = ["\n" * 20_000, "int " + " " * 20_000, "int " + " \n" * 10_000, "/*" * 50_000, "(" * 50_000, "a<" * 50_000]


@pytest.fixture
def painter() -> Iterator[Painter]:
    opened = Painter()
    yield opened
    opened.close()


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(text for _, text in line) for line in lines)


@pytest.mark.parametrize("text", SLOW, ids=lambda text: repr(text[:6]))
def test_slow_code_stays_plain(painter: Painter, text: str) -> None:
    for language in ("c", "cpp", "typescript"):
        started = time.monotonic()
        (lines,) = painter.lines([(text, language, "")])
        assert time.monotonic() - started < painting.SECONDS_TO_START + painting.SECONDS
        assert text_of(lines) == text
    (lines,) = painter.lines([("def f(): pass", "python", "")])
    assert lines[0][0][0] == "k"  # it is back


def test_very_long_code_stays_plain() -> None:
    text = "def f(): pass\n" * (LONGEST // 10)
    assert highlight_lines(text, "python")[0] == [("", "def f(): pass")]


def test_a_slow_block_keeps_its_text(painter: Painter) -> None:
    (lines,) = painter.blocks("```c\nint " + " " * 20_000 + "\n```\n")
    assert text_of(lines) == "int " + " " * 20_000


def test_a_killed_highlighter_is_replaced(painter: Painter) -> None:
    painter.lines([("", "python", "")])
    assert painter._process
    os.kill(painter._process.pid, 9)
    painter._process.wait()
    painter.lines([("def f(): pass", "python", "")])
    assert painter.lines([("def f(): pass", "python", "")])[0][0][0][0] == "k"


def test_a_slow_file_leaves_the_service_alive(tmp_path: Path) -> None:
    import httpx

    settings = Settings(store=str(tmp_path / "store"), data_dir=str(tmp_path / "data"), llm="none")
    (tmp_path / "code").mkdir()
    (tmp_path / "code/blank.c").write_text("int first;\n" + "\n" * 20_000 + "int last;\n")
    index_folder(settings, tmp_path / "code", "code")
    with serving(settings) as url, pulse(url):
        file = httpx.get(f"{url}/api/file", params={"repo": "code", "path": "blank.c"}, timeout=20).json()
    assert len(file["lines"]) == 20_002
    assert text_of(file["lines"][-1:]) == "int last;"
