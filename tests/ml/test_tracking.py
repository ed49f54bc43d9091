import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ml.errors import RegistryError
from ml.handover import last_run
from ml.registry.mlflow_client import open_client
from ml.registry.tracking import code_revision, log_run, logged_data, package_versions, read_run
from ml.settings import Settings
from ml.training.base_model import BaseModel
from ml.training.job import TrainingData
from ml.training.result import TrainingResult
from rag_service.learning.train import repeat_run
from tests.ml.support import TINY


@pytest.fixture(scope="module")
def run_id(mlflow_server: str, data: TrainingData, base: BaseModel, trained: TrainingResult) -> str:
    return log_run(mlflow_server, data, base, TINY, trained, Path(__file__).parent)


def test_everything_about_a_run_is_logged(
    mlflow_server: str, run_id: str, data: TrainingData, base: BaseModel, trained: TrainingResult
) -> None:
    run = read_run(mlflow_server, run_id)
    assert run.recipe == TINY
    assert (run.base_digest, run.dataset_digest) == (base.digest, data.digest)
    assert run.code_revision == code_revision(Path(__file__).parent)
    assert run.packages == package_versions()
    assert run.held_out_loss == pytest.approx(trained.held_out_loss_after)
    client = open_client(mlflow_server)
    curve = [(point.step, point.value) for point in client.get_metric_history(run_id, "loss")]
    assert curve == [(step, pytest.approx(loss)) for step, loss in trained.losses]
    picture = Path(client.download_artifacts(run_id, "loss.png"))
    assert picture.read_bytes().startswith(b"\x89PNG")
    adapter = Path(client.download_artifacts(run_id, "adapter"))
    ours = (trained.adapter / "adapter_model.safetensors").read_bytes()
    assert (adapter / "adapter_model.safetensors").read_bytes() == ours


def test_a_run_is_repeated_from_what_was_logged(
    mlflow_server: str, run_id: str, base: BaseModel, tmp_path: Path, working_folder: Path
) -> None:
    settings = Settings(mlflow_url=mlflow_server, base_model=base.path, data_dir=str(tmp_path))
    report = repeat_run(settings, run_id)
    again = report.repetition
    assert report.as_dict()["agrees"]
    assert report.folder.is_relative_to(tmp_path / "learning" / "repetitions")
    assert last_run(settings) is None  # the default of evaluate and promote
    assert again.agrees(0.001)
    assert again.packages == {}
    assert not replace(again, logged=replace(again.logged, held_out_loss=2 * again.logged.held_out_loss)).agrees()


def test_a_data_set_that_was_changed_is_not_trained_on(mlflow_server: str, run_id: str, tmp_path: Path) -> None:
    client = open_client(mlflow_server)
    copy = log_copy(mlflow_server, run_id)
    client.log_text(copy, '{"question": "q", "context": "c", "answer": "a"}\n', "dataset/train.jsonl")
    with pytest.raises(RegistryError, match="not the one it was trained on"):
        logged_data(mlflow_server, copy, tmp_path)


def log_copy(address: str, run_id: str) -> str:
    client = open_client(address)
    run = client.get_run(run_id)
    copy: str = client.create_run(run.info.experiment_id).info.run_id
    for name, value in run.data.params.items():
        client.log_param(copy, name, value)
    for name in ("base_model", "base_digest", "dataset_digest", "code_revision"):
        client.set_tag(copy, name, run.data.tags[name])
    client.log_metric(copy, "held_out_loss_after", 1.0)
    client.log_artifacts(copy, client.download_artifacts(run_id, ""))
    return copy


def test_a_run_of_something_else_is_an_error(mlflow_server: str) -> None:
    client = open_client(mlflow_server)
    foreign = client.create_run("0").info.run_id
    client.log_text(foreign, "{}", "packages.json")
    with pytest.raises(RegistryError, match="not logged by `codeintel train`"):
        read_run(mlflow_server, foreign)
    with pytest.raises(RegistryError):
        read_run(mlflow_server, "0" * 32)


def test_the_code_revision_says_where_files_differ(tmp_path: Path) -> None:
    assert code_revision(tmp_path) == "unknown"
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    (tmp_path / "file").write_text("one")
    for command in (["init", "-q"], ["add", "file"], ["commit", "-qm", "one"]):
        subprocess.run([*git, *command], check=True)
    clean = code_revision(tmp_path)
    assert len(clean) == 40
    (tmp_path / "file").write_text("two")
    assert code_revision(tmp_path) == f"{clean}-dirty"
