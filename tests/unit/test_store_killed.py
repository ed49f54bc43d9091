"""A process killed at any point leaves the last good index, and the next run completes it."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from ml.index.build import build_index
from ml.index.prepare import Preparation, Prepared
from ml.index.sources import SourceFile, open_source
from ml.index.store import open_store
from ml.index.store.base import Repository, Store, Where
from tests.support.chunks import EMBEDDER, encode_chunk, encode_query

KILLS = 8
Content = set[tuple[str, int, str]]


def open_test_store(folder: Path) -> Store:
    return open_store(str(folder), EMBEDDER.name, EMBEDDER.dimension)


def content(store: Store) -> Content:
    """Return what a reader of the shard sees."""
    found = store.query(encode_query("anything"), Where(), 10_000)
    return {(one.chunk.file_path, one.chunk.line_start, one.chunk.text) for one in found}


def expected(tree: Path) -> Content:
    """Return what an index of the tree has to contain, computed without a store."""
    with open_source(str(tree)) as source:
        prepare = Preparation(source.name, source.revision, 1_000_000).prepare
        results = [prepare(file) for file in source.walk() if isinstance(file, SourceFile)]
    chunks = [chunk for result in results if isinstance(result, Prepared) for chunk, *_ in result.chunks()]
    return {(chunk.file_path, chunk.line_start, chunk.text) for chunk in chunks}


def change(tree: Path, version: int) -> None:
    """Add, change and delete files."""
    for number in range(30):
        path = tree / f"pkg{number % 3}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        if number % 5 == version % 5:
            path.unlink(missing_ok=True)
        elif number % 2 == version % 2 or not path.exists():
            functions = (f"def f{k}_{version}(x):\n    return x + {k * version}\n\n\n" for k in range(6))
            path.write_text("".join(functions), encoding="utf-8")


def start(store: Path, tree: Path, workers: int = 1) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.support.index_process", str(store), str(tree), str(workers)]
    root = Path(__file__).parents[2]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
    assert process.stdout
    assert process.stdout.readline() == "begin\n"
    return process


def test_killed_at_random_points(tmp_path: Path) -> None:
    chance = random.Random(3)
    tree, folder = tmp_path / "tree", tmp_path / "store"
    change(tree, 0)
    began = time.monotonic()
    start(folder, tree).wait()
    duration = time.monotonic() - began
    reader = open_test_store(folder)
    interrupted = 0
    for version in range(1, KILLS + 1):
        before = content(reader)
        change(tree, version)
        process = start(folder, tree)
        time.sleep(chance.uniform(0, duration))
        process.kill()
        interrupted += process.wait() != 0

        after = content(open_test_store(folder))
        assert after in (before, expected(tree))
        assert content(reader) == after

    assert interrupted > KILLS // 4
    build_index(str(tree), open_test_store(folder), EMBEDDER, max_file_bytes=1_000_000, workers=1)
    assert content(reader) == expected(tree)
    assert_same_as_undisturbed(tree, reader, tmp_path / "undisturbed")


def assert_same_as_undisturbed(tree: Path, store: Store, folder: Path) -> None:
    undisturbed = open_test_store(folder)
    build_index(str(tree), undisturbed, EMBEDDER, max_file_bytes=1_000_000, workers=1)
    [one], [other] = store.repositories(), undisturbed.repositories()
    assert (one.files, one.chunks, store.files(one.name)) == (other.files, other.chunks, undisturbed.files(other.name))
    query = encode_query("def f1_20 return", "f1")
    for mine, theirs in zip(store.query(query, Where(), 20), undisturbed.query(query, Where(), 20), strict=True):
        assert mine.chunk == theirs.chunk
        assert (mine.dense, mine.text, mine.names) == pytest.approx((theirs.dense, theirs.text, theirs.names), abs=1e-4)


STAGES_MANY = """
import os, sys
from ml.index.store import open_store
from tests.support.chunks import EMBEDDER, encode_chunk
update = open_store(sys.argv[1], EMBEDDER.name, EMBEDDER.dimension).update("r")
for number in range(50):
    update.put(f"f{number}.py", "digest", [encode_chunk(f"f{number}.py", line, f"text {line}") for line in range(1, 61)])
os.kill(os.getpid(), 9)
"""


def test_finished_files_of_a_killed_run_are_reused(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", STAGES_MANY, tmp_path], check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == -signal.SIGKILL

    with open_test_store(tmp_path).update("r") as update:
        kept = update.files()
        assert 30 < len(kept) < 50
        update.put("last.py", "digest", [encode_chunk("last.py", 1, "last")])
        assert update.commit(Repository("r", "/src", "rev")).chunks == 60 * len(kept) + 1


def test_no_process_outlives_a_killed_run(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for number in range(100):
        change(tree / f"copy{number}", number)
    process = start(tmp_path / "store", tree, workers=2)
    children = wait_for_children(psutil.Process(process.pid), 2)

    process.kill()
    process.wait()

    _, alive = psutil.wait_procs(children, timeout=20)
    assert not alive


def wait_for_children(process: psutil.Process, number: int) -> list[psutil.Process]:
    for _ in range(2_000):
        # The interpreter's own resource tracker is not a worker; it ends when the last of them does.
        children = process.children(recursive=True)
        if len(children) > number:
            return children
        time.sleep(0.005)
    raise AssertionError("it started no workers")
