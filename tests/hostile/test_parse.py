"""Texts crafted to block indexing: a file over its time limit is left out, named and counted."""

import random
import time
from pathlib import Path

import pytest

from ml.index import build
from ml.index.build import IndexReport, build_index
from ml.index.chunk import Chunk
from ml.index.languages import LANGUAGES, Language
from ml.index.languages.parsing import matches, parse
from ml.index.outline import outline
from ml.index.prepare import Preparation, Prepared
from ml.index.sources import Skipped, SourceFile
from ml.index.split import split
from ml.index.store import open_store
from ml.index.workers import run_in_workers
from rag_service.cli.index import summary
from rag_service.learning.index import as_dict
from tests.hostile.spinning import spin
from tests.support.chunks import EMBEDDER
from tests.support.git import write_files

SLOW_BLOCK = ("SELECT " * 10 + "\n") * 200 + "{" * 100  # 14 KB on which an HCL query took three minutes
# Dart's scanner reads to the end from each of these marks, in one call that nothing can interrupt.
SLOW_SCANNER = "`" * 50_000 + "\n" + "// x\n" * 11_000
SECONDS = 2.0
TOKENS = [
    *"()[]{}<>\"'`\\;:,.=#|&%$",
    "\n",
    "\n  ",
    " ",
    "\t",
    "//",
    "/*",
    "*/",
    "--",
    "def f",
    "class A",
    "fn x",
    "if",
    "end",
]
TOKENS += [
    "do",
    "<<A\n",
    "${",
    "{{",
    "```",
    "0x",
    "1",
    "я",
    "\u2028",
    "\0",
    "SELECT ",
    "FROM ",
    "@a",
    "=>",
    "->",
    "::",
    "a",
]
TOKENS += ["import x", "return", "\r", "\x0c", "\ufeff", "\ud800"]


def path_for(language: Language) -> str:
    return f"a{language.suffixes[0]}" if language.suffixes else language.files[0]


def run(folder: Path, tmp_path: Path) -> IndexReport:
    store = open_store(str(tmp_path / "store"), EMBEDDER.name, EMBEDDER.dimension)
    return build_index(str(folder), store, EMBEDDER, max_file_bytes=1_000_000, workers=2)


def test_a_worker_is_stopped_at_its_deadline_and_the_rest_goes_on() -> None:
    tasks = [[1, 2, 3, 4], [5], [3]]
    made = list(run_in_workers(spin, tasks, 2, too_slow=lambda item: -item, seconds=0.5))
    assert made == [1, 2, -3, 4, 5, -3]


def test_a_file_that_takes_too_long_is_left_out_named_and_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "FILE_SECONDS", SECONDS)
    tree = write_files(tmp_path / "tree", {"a.py": "a = 1\n", "lib/slow.dart": SLOW_SCANNER, "z.py": "z = 1\n"})
    report = run(tree, tmp_path)
    assert report.files == 2
    assert report.skipped == {"too slow": 1}
    assert report.repository.skipped == {"too slow": 1}
    assert as_dict(report)["too_slow"] == ("lib/slow.dart",)
    shown = "".join(part if isinstance(part, str) else part.text for part in summary(report))
    assert "left out: 1 too slow" in shown
    assert "too slow: lib/slow.dart" in shown


def test_a_short_file_over_its_time_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexing in this process, where no worker can be killed: the time is checked between stages."""
    monkeypatch.setattr("ml.index.prepare.FILE_SECONDS", 0.0)
    tree = write_files(tmp_path / "tree", {"a.py": "a = 1\n"})
    prepared = Preparation("tree", "tree", 1_000).prepare(SourceFile("a.py", str(tree / "a.py")))
    assert prepared == Skipped("a.py", "too slow")


def test_a_block_of_many_names(tmp_path: Path) -> None:
    started = time.thread_time()
    assert split("a.tf", SLOW_BLOCK)
    assert time.thread_time() - started < SECONDS
    tree = write_files(tmp_path / "tree", {"a.tf": SLOW_BLOCK})
    prepared = Preparation("tree", "tree", 100_000).prepare(SourceFile("a.tf", str(tree / "a.tf")))
    assert isinstance(prepared, Prepared)


def test_a_query_is_bounded_yet_complete_in_a_large_file() -> None:
    text = "".join(f"class A{number}:\n    def f(self):\n        return [{'0, ' * 50}]\n" for number in range(2_000))
    root = parse(LANGUAGES["python"], text.encode())
    assert root is not None
    found = [captures for captures in matches(LANGUAGES["python"], root) if {"class", "function"} & captures.keys()]
    assert len(found) == 4_000


def test_the_outline_of_a_long_line_is_not_read() -> None:
    """The outline is read while a user waits."""
    started = time.thread_time()
    found = outline(Chunk("r", "tree", "a.dart", 7, 7, "dart", "", "module", SLOW_SCANNER, ""))
    assert time.thread_time() - started < 0.1
    assert (found.signature, found.body_start) == ("", 7)


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_random_texts_are_split_completely_and_in_time(name: str) -> None:
    """Every non-blank line is in exactly one piece, whatever the text."""
    rng = random.Random(name)
    for size in (20, 200, 1_000):
        for _ in range(4):
            few = rng.sample(TOKENS, 8)
            text = "".join(rng.choices(rng.choice((TOKENS, few)), k=size))
            started = time.thread_time()
            pieces = split(path_for(LANGUAGES[name]), text)
            assert time.thread_time() - started < SECONDS
            lines = text.split("\n")
            covered = [row for piece in pieces for row in range(piece.line_start, piece.line_end + 1)]
            assert len(covered) == len(set(covered))
            assert {row for row, line in enumerate(lines, start=1) if line.strip()} <= set(covered)


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_nested_brackets_are_split_in_time(name: str) -> None:
    for unit in ("(", "[", "{", "<", "a(", "a{\n", '"', "'", "/*", "- ", "> "):
        started = time.thread_time()
        split(path_for(LANGUAGES[name]), (unit * 8_000)[:8_000])
        assert time.thread_time() - started < SECONDS, unit
