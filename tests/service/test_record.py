"""The audit log and the feedback: one whole line each, for their owner's eyes, without secrets."""

import json
import multiprocessing
import stat
from pathlib import Path

import pytest

from ml.errors import RecordError
from ml.index.store.base import Where
from rag_service.answer.events import Answer, Citation
from rag_service.record import AUDIT, FEEDBACK, record_answer, record_feedback

SECRET = "AKIA" + "IOSFODNN7EXAMPLQ"


def answer(question: str = "Where is it?") -> Answer:
    citation = Citation(1, "shop", "shop/pay.py", 10, 12, "code")
    return Answer(
        "a1", question, "There [1].", [citation], "evidence", {"retrieve": 0.0123456}, dropped=2, notices=["away"]
    )


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_question_is_recorded_with_its_places_and_not_with_their_text(tmp_path: Path) -> None:
    record_answer(str(tmp_path / "new"), answer(), Where(repos=["shop"]), complete=True)
    (line,) = lines(tmp_path / "new" / AUDIT)
    assert line.pop("time")
    assert line == {
        "id": "a1",
        "question": "Where is it?",
        "where": {"repos": ["shop"], "paths": None, "languages": None},
        "citations": ["shop:shop/pay.py:10-12"],
        "model": "evidence",
        "timings": {"retrieve": 0.0123},
        "found": True,
        "dropped": 2,
        "notices": ["away"],
        "complete": True,
    }


def test_only_the_owner_may_read_the_records(tmp_path: Path) -> None:
    record_answer(str(tmp_path), answer(), Where(), complete=True)
    record_feedback(str(tmp_path), "a1", "up")
    for name in (AUDIT, FEEDBACK):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_a_secret_that_a_reader_typed_is_not_recorded(tmp_path: Path) -> None:
    record_answer(str(tmp_path), answer(f"why does {SECRET} fail?"), Where(), complete=True)
    record_feedback(str(tmp_path), "a1", "down", f"my key is {SECRET}")
    for name in (AUDIT, FEEDBACK):
        assert SECRET not in (tmp_path / name).read_text()


def test_feedback_refers_to_an_answer_and_a_line_break_stays_inside_its_line(tmp_path: Path) -> None:
    record_feedback(str(tmp_path), "a1", "down", "wrong\nfile \ud800")
    (line,) = lines(tmp_path / FEEDBACK)
    assert (line["id"], line["verdict"], str(line["comment"])[:10]) == ("a1", "down", "wrong\nfile")


def write_many(folder: str, writer: int) -> None:
    for number in range(100):
        record_feedback(folder, f"{writer}-{number}", "up", "x" * 500)


def test_processes_that_write_at_once_never_mix_their_lines(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.starmap(write_many, [(str(tmp_path), writer) for writer in range(3)])
    recorded = [line["id"] for line in lines(tmp_path / FEEDBACK)]
    assert sorted(map(str, recorded)) == sorted(f"{writer}-{number}" for writer in range(3) for number in range(100))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_a_record_error(tmp_path: Path) -> None:
    (tmp_path / FEEDBACK).symlink_to("/dev/full")
    with pytest.raises(RecordError, match="No space left"):
        record_feedback(str(tmp_path), "a1", "up")


def test_a_folder_that_is_a_file_is_a_record_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError):
        record_feedback(str(tmp_path / "file"), "a1", "up")
