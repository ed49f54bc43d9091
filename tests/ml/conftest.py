"""Fixtures of the learning loop's tests: real training of the embedded model, a real MLflow server; see `make test-ml`."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ml.settings import Settings
from ml.training.base_model import BaseModel, open_base_model
from ml.training.examples import write_examples
from ml.training.job import TrainingData, train
from ml.training.result import TrainingResult
from tests.ml.support import CACHE, TINY, facts


@pytest.fixture(scope="session", autouse=True)
def quiet() -> None:
    os.environ.update(MLFLOW_DISABLE_TELEMETRY="true", DO_NOT_TRACK="true", HF_HUB_OFFLINE="1")


@pytest.fixture(scope="session")
def base() -> BaseModel:
    return open_base_model(cache=CACHE)


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> TrainingData:
    folder = tmp_path_factory.mktemp("data")
    files = TrainingData(folder / "train.jsonl", folder / "held_out.jsonl", "You find code.", "{context}\n{question}")
    write_examples(files.train, facts(24, seed=1))
    write_examples(files.held_out, facts(4, seed=2))
    return files


@pytest.fixture(scope="session")
def trained(data: TrainingData, base: BaseModel, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    return train(data, base, TINY, tmp_path_factory.mktemp("run") / "output", Settings(), print)


@pytest.fixture
def working_folder() -> Iterator[Path]:
    before = Path.cwd()
    yield before
    assert Path.cwd() == before


@pytest.fixture(scope="session")
def mlflow_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield a real MLflow server, with what previous tests left in it."""
    with mlflow_on(tmp_path_factory.mktemp("mlflow")) as address:
        yield address


@pytest.fixture
def empty_mlflow_server(tmp_path: Path) -> Iterator[str]:
    """Yield an empty MLflow server."""
    folder = tmp_path / "mlflow"
    folder.mkdir()
    with mlflow_on(folder) as address:
        yield address


@contextmanager
def mlflow_on(folder: Path) -> Iterator[str]:
    """Start a real MLflow server on SQLite in a folder; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{folder / 'mlflow.db'}",
        "--artifacts-destination",
        str(folder / "files"),
    ]
    address = f"http://127.0.0.1:{port}"
    # Without its job runners: ten processes that nothing here needs.
    environment = os.environ | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(address, server, folder / "log")
        yield address
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_for(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the server answers, which may take long on a busy machine."""
    for _ in range(600):
        assert server.poll() is None, log.read_text()
        try:
            urllib.request.urlopen(f"{address}/health", timeout=5)
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.5)
        else:
            return
    raise AssertionError(log.read_text())
