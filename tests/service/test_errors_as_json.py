"""Failures carry cause and cure as data: in every command with --json, and in every stage of the learning loop."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ml.errors import PipelineError
from ml.pipelines.stage import run_stage

CODEINTEL = str(Path(sys.executable).with_name("codeintel"))
NOTHING = {"sources": [], "pinned": ""}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODEINTEL_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CODEINTEL_STORE", str(tmp_path / "store"))


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("index", "/no-such-place"), 1),
        (("index",), 2),
        (("search", "x"), 1),
        (("dataset",), 1),
        (("dataset", "--size", "many"), 2),
        (("evaluate",), 1),
        (("ask", "x", "--no-such-option"), 2),
        (("train", "--repeat", "0", "--epochs", "2"), 2),
    ],
)
def test_with_json_an_error_is_a_document_on_stdout_and_a_line_on_stderr(
    arguments: tuple[str, ...], status: int
) -> None:
    done = run(CODEINTEL, *arguments, "--json")
    error = json.loads(done.stdout)["error"]
    assert error.keys() == {"cause", "cure"}
    assert all(error.values())
    assert done.stderr == f"error: {error['cause']}: {error['cure']}\n"
    assert done.returncode == status


def test_without_json_stdout_stays_empty() -> None:
    for arguments in (("index", "/no-such-place"), ("ask", "--", "--json")):
        done = run(CODEINTEL, *arguments)
        assert done.returncode
        assert done.stdout == ""


def test_a_stage_that_fails_prints_its_error_and_nothing_else() -> None:
    for arguments, status in ((("index", json.dumps(NOTHING)), 2), (("no-such-stage", "{}"), 1)):
        done = run(sys.executable, "-m", "rag_service.learning", *arguments)
        assert json.loads(done.stdout)["error"].keys() == {"cause", "cure"}
        assert done.returncode == status


def test_cause_and_cure_reach_the_pipeline_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(PipelineError) as failed:
        run_stage("index", sources=["/no: such: place"], pinned="")
    assert "/no: such: place" in failed.value.cause
    assert failed.value.cure
    logged = capsys.readouterr().out.splitlines()
    assert logged[0] == "$ index /no: such: place"
    assert json.loads(logged[-1]) == failed.value.as_dict()


def test_a_crash_in_a_stage_points_to_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PipelineError, match="TypeError") as failed:
        run_stage("index", no_such_argument=1)
    assert failed.value.cure == "check the stage's log"
    monkeypatch.setenv("CODEINTEL_STORE", str(tmp_path / "other"))
    with pytest.raises(PipelineError) as named:
        run_stage("dataset", output=str(tmp_path), size=20, seed=1, repos=[], by_hand="")
    assert named.value.cause.startswith("codeintel dataset: ")


def test_a_stage_returns_what_the_command_prints(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "orders.py").write_text("def charge(order):\n    return order.total\n")
    made = run_stage("index", sources=[str(tmp_path / "code")], pinned="")
    printed = json.loads(run(CODEINTEL, "index", str(tmp_path / "code"), "--json").stdout)
    assert [one.keys() for one in made] == [one.keys() for one in printed]
    assert made[0]["repository"] == printed[0]["repository"] == "code"
