import os
import signal
import tempfile
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ml.errors import DatasetError, TrainingError
from ml.settings import Settings
from ml.training.base_model import BaseModel
from ml.training.job import TrainingData, train
from ml.training.result import TrainingResult, base_digest_of
from tests.ml.support import TINY


def test_training_lowers_the_loss(trained: TrainingResult, base: BaseModel) -> None:
    losses = [loss for _, loss in trained.losses]
    assert [step for step, _ in trained.losses] == list(range(1, TINY.max_steps + 1))
    assert sum(losses[-2:]) < 0.8 * sum(losses[:2])
    assert trained.held_out_loss_after < 0.8 * trained.held_out_loss_before
    assert trained.tokens > 500
    assert trained.tokens_per_second > 0
    assert (trained.adapter / "adapter_model.safetensors").is_file()
    assert base_digest_of(trained.adapter) == base.digest


def kill_training(output: Path) -> None:
    """Kill the process that trains into a folder, as the kernel does when memory runs out."""
    script = f"{os.sep}train_"
    for process in psutil.Process().children(recursive=True):
        command = process.cmdline()
        if len(command) > 1 and script in command[1] and output.name in Path(command[1]).read_text():
            process.send_signal(signal.SIGKILL)
            return
    raise AssertionError("nothing to kill")


def test_a_killed_run_resumes_with_the_same_result(
    trained: TrainingResult, data: TrainingData, base: BaseModel, tmp_path: Path, working_folder: Path
) -> None:
    output = tmp_path / "killed"
    killed: list[str] = []

    def kill_at_step_3(line: str) -> None:
        if line.startswith("step 3/") and not killed:
            killed.append(line)
            kill_training(output)

    before = set(Path(tempfile.gettempdir()).iterdir())
    with pytest.raises(TrainingError, match=r"(?s)failed.*Killed"):
        train(data, base, TINY, output, Settings(), kill_at_step_3)
    assert killed
    assert not [
        folder for folder in set(Path(tempfile.gettempdir()).iterdir()) - before if (folder / "pyvenv.cfg").exists()
    ]

    # What a kill in the middle of writing leaves behind is ignored.
    torn = output / "checkpoints" / "checkpoint-5"
    torn.mkdir()
    (torn / "trainer_state.json").write_text('{"global_step": 5, "ep')
    resumed = train(data, base, TINY, output, Settings(), print)
    assert 0 < resumed.first_step < TINY.max_steps
    assert dict(resumed.losses) == pytest.approx(dict(trained.losses))
    assert resumed.held_out_loss_after == pytest.approx(trained.held_out_loss_after, abs=1e-4)


def test_a_finished_run_is_not_trained_again(
    trained: TrainingResult, data: TrainingData, base: BaseModel, tmp_path: Path
) -> None:
    assert train(data, base, TINY, trained.adapter.parent, Settings(), pytest.fail) == trained


def test_another_recipe_does_not_resume_it(trained: TrainingResult, data: TrainingData, base: BaseModel) -> None:
    with pytest.raises(TrainingError, match="another recipe"):
        train(data, base, replace(TINY, seed=8), trained.adapter.parent, Settings())


def test_a_missing_base_model_is_an_error(data: TrainingData, tmp_path: Path, working_folder: Path) -> None:
    nowhere = BaseModel(str(tmp_path / "nowhere"), "nowhere", "0")
    with pytest.raises(TrainingError, match=r"(?s)failed.*nowhere"):
        train(data, nowhere, TINY, tmp_path / "output", Settings(), print)


def test_an_unreachable_cluster_is_an_error(
    data: TrainingData, base: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config"
    config.write_text("apiVersion: v1\nkind: Config\ncurrent-context: gone\n")
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(config))
    with pytest.raises(TrainingError, match="no training job could be started"):
        train(data, base, TINY, tmp_path / "output", Settings(trainer="kubernetes"), pytest.fail)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("not json\n", r"held_out.jsonl:1: the line"),
        ('{"question": "q", "context": "c"}\n', "answer: Field required"),
        ('{"question": " ", "context": "c", "answer": "a"}\n', "question"),
    ],
)
def test_an_invalid_data_set_is_an_error_with_its_place(
    data: TrainingData, base: BaseModel, tmp_path: Path, text: str, reason: str
) -> None:
    bad = tmp_path / "held_out.jsonl"
    bad.write_text(text)
    with pytest.raises(DatasetError, match=reason):
        train(replace(data, held_out=bad), base, TINY, tmp_path / "output", Settings())
