"""Damaged bytes, torn lines, kills and re-indexing lose nothing and never end in a traceback."""

import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ml.index.store import open_store
from ml.index.store.base import Store, Where
from ml.journal import append, read
from tests.hostile.damage import damages
from tests.support.chunks import EMBEDDER, encode_chunk, encode_query, store_files

ROOT = Path(__file__).parents[2]
FILES = 30


def open_test_store(folder: Path) -> Store:
    return open_store(str(folder), EMBEDDER.name, EMBEDDER.dimension)


def small_store(folder: Path) -> Path:
    store_files(
        open_test_store(folder), [encode_chunk(f"f{number}.py", 1, f"text {number}") for number in range(FILES)]
    )
    return folder


def check_damages(folder: Path, rounds: int, seed: int) -> None:
    for outcome in damages(small_store(folder), rounds, seed):
        assert outcome.is_clean, outcome
        assert not outcome.output.startswith("right") or outcome.output == f"right {FILES}\n", outcome
        if outcome.output.startswith("error"):
            assert any(cure in outcome.output for cure in ("index again", "run: codeintel index")), outcome


def test_damaged_bytes_give_right_results_or_one_clear_error(tmp_path: Path) -> None:
    check_damages(tmp_path / "store", rounds=8, seed=13)


APPENDS = """
import sys
from pathlib import Path
from ml.journal import append
for number in range(10_000):
    append(Path(sys.argv[1]), {"writer": sys.argv[2], "number": number}, max_bytes=20_000, keep=0)
    print(number, flush=True)
"""


def killed_while_appending(file: Path, name: str, seconds: float) -> int:
    """Return how many lines had been acknowledged to a process before it was killed."""
    process = subprocess.Popen([sys.executable, "-c", APPENDS, file, name], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout
    process.stdout.readline()
    time.sleep(seconds)
    process.kill()
    told = 1 + len(process.stdout.read().splitlines())
    process.wait()
    return told


def test_a_journal_keeps_every_acknowledged_line_after_a_kill(tmp_path: Path) -> None:
    chance, file = random.Random(7), tmp_path / "audit.jsonl"
    told = {str(number): killed_while_appending(file, str(number), chance.uniform(0, 0.3)) for number in range(3)}
    with file.open("ab") as torn:
        torn.write(b'{"writer": "torn", "num')
    append(file, {"writer": "last", "number": 0}, max_bytes=20_000, keep=0)

    found = [(line["writer"], line["number"]) for line in read(file)]
    assert len(found) == len(set(found))
    assert {(name, number) for name, count in told.items() for number in range(count)} <= set(found)
    assert ("last", 0) in found
    assert all(json.dumps(line) for line in read(file))


@pytest.mark.parametrize("versions", [4])
def test_each_question_during_a_re_index_gets_a_complete_answer(tmp_path: Path, versions: int) -> None:
    writer, reader = open_test_store(tmp_path), open_test_store(tmp_path)
    store_files(writer, [encode_chunk(f"f{number}.py", 1, "version 0") for number in range(FILES)])
    done, answers = threading.Event(), list[set[str]]()

    def ask() -> None:
        while not done.is_set():
            found = reader.query(encode_query(f"version {len(answers)}"), Where(paths=["*.py"]), 100)
            assert len(found) == FILES
            answers.append({one.chunk.text for one in found})

    thread = threading.Thread(target=ask)
    thread.start()
    for version in range(1, versions):
        store_files(writer, [encode_chunk(f"f{number}.py", 1, f"version {version}") for number in range(FILES)])
    last = len(answers)
    while thread.is_alive() and len(answers) < last + 3:
        time.sleep(0.01)
    done.set()
    thread.join()

    assert all(len(texts) == 1 for texts in answers)
    assert answers[-1] == {f"version {versions - 1}"}
