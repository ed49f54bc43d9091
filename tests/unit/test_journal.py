"""The journal: whole lines, on disk before they are acknowledged, from any number of processes."""

import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ml import journal
from ml.errors import RecordError

WRITER = """
import sys
from pathlib import Path
from ml import journal
for number in range(100_000):
    journal.append(Path(sys.argv[1]), {"n": number, "text": "x" * 300}, max_bytes=20_000, keep=0)
    print(number, flush=True)
"""


def add(file: Path, number: int, **limits: int) -> None:
    journal.append(file, {"n": number, "text": "x" * 90}, **{"max_bytes": 10**6, "keep": 0, **limits})


def numbers(file: Path) -> list[int]:
    return [line["n"] for line in journal.read(file)]


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    add(tmp_path / "new" / "log.jsonl", 1)
    assert stat.S_IMODE((tmp_path / "new" / "log.jsonl").stat().st_mode) == 0o600


def test_a_long_file_is_rotated_and_still_read(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    for number in range(30):
        add(file, number, max_bytes=1000)
    parts = list(tmp_path.iterdir())
    assert len(parts) > 3
    assert all(part.stat().st_size < 1200 for part in parts)
    assert numbers(file) == list(range(30))


def test_the_newest_parts_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    for number in range(60):
        add(file, number, max_bytes=1000, keep=2)
    assert len(list(tmp_path.glob("log-*.jsonl"))) == 2
    assert numbers(file) == list(range(numbers(file)[0], 60))


def test_a_line_torn_by_a_crash_loses_no_other_line(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    add(file, 1)
    with file.open("a") as torn:
        torn.write('{"n": 2, "te')
    add(file, 3)
    assert numbers(file) == [1, 3]


def test_line_breaks_and_lone_surrogates_stay_within_their_line(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    journal.append(file, {"text": "wrong\nfile \ud800"}, max_bytes=1000, keep=0)
    (line,) = file.read_text().splitlines()
    assert json.loads(line)["text"][:10] == "wrong\nfile"


def write_many(folder: str, writer: int) -> None:
    for number in range(100):
        add(Path(folder) / "log.jsonl", writer * 1000 + number, max_bytes=2000)


def test_concurrent_writers_neither_lose_nor_mix_lines(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.starmap(write_many, [(str(tmp_path), writer) for writer in range(3)])
    wanted = [writer * 1000 + number for writer in range(3) for number in range(100)]
    assert sorted(numbers(tmp_path / "log.jsonl")) == wanted


@pytest.mark.parametrize("after", [3, 60, 200])
def test_acknowledged_lines_survive_a_kill(tmp_path: Path, after: int) -> None:
    file = tmp_path / "log.jsonl"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout
        acknowledged = [int(next(writer.stdout)) for _ in range(after)]
        os.kill(writer.pid, signal.SIGKILL)
        acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
    assert numbers(file)[: len(acknowledged)] == acknowledged


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_a_record_error(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").symlink_to("/dev/full")
    with pytest.raises(RecordError, match="No space left"):
        add(tmp_path / "log.jsonl", 1)


def test_a_folder_that_is_a_file_is_a_record_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError):
        add(tmp_path / "file" / "log.jsonl", 1)


def test_an_unreadable_journal_is_a_record_error(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").mkdir()
    with pytest.raises(RecordError, match=r"log\.jsonl can't be read"):
        numbers(tmp_path / "log.jsonl")
