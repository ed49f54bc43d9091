"""The ML engineer's part: a training job from a plain Python function. A setting chooses where it runs."""

import json
import os
import shutil
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote

from ml.errors import TrainingError
from ml.settings import Settings
from ml.training.base_model import BaseModel
from ml.training.examples import HELD_OUT, PROMPT, SYSTEM, TRAIN, dataset_digest, read_examples
from ml.training.function import fine_tune
from ml.training.recipe import Recipe
from ml.training.result import TrainingResult, read_result, write_about
from ml.training.runtime import PASSIVE

if TYPE_CHECKING:
    from kubeflow.trainer import CustomTrainer, Runtime, TrainerClient, TrainJob

JOB, LAST_LINES = "job.json", 15
COMPLETE, FAILED = "Complete", "Failed"
POLL, PATIENCE = 2.0, 300.0  # seconds between polls of a job, and how long the cluster may be unreachable
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The pairs to learn from, those to measure the loss on, and the texts around each ({context}, {question})."""

    train: Path
    held_out: Path
    system: str = SYSTEM
    prompt: str = PROMPT

    @classmethod
    def in_folder(cls, folder: Path, system: str = SYSTEM, prompt: str = PROMPT) -> Self:
        """Return the pairs in a data set's folder."""
        return cls(folder / TRAIN, folder / HELD_OUT, system, prompt)

    @property
    def digest(self) -> str:
        """The data set's identity, as logged."""
        return dataset_digest(self.train, self.held_out)


def train(
    data: TrainingData, base: BaseModel, recipe: Recipe, output: Path, settings: Settings, progress: Progress = print
) -> TrainingResult:
    """Train an adapter with Kubeflow Trainer, and return the result; `progress` receives the job's lines.

    Called again with the same `output` and arguments after a kill, it resumes from the last checkpoint; after a finished
    run it returns the result at once. On a cluster all paths are on a volume mounted both here and in the job.
    Raise DatasetError for invalid data, TrainingError if the job fails or `output` belongs to another run.
    """
    for file in (data.train, data.held_out):
        read_examples(file)
    output = output.resolve()  # Trainer's local backend changes this process's working folder while the job runs
    about = _about(data, base, recipe)
    _claim_output(output, about)
    result = read_result(output)
    if result is None:
        _run(_custom_trainer(data, base, recipe, output, settings), settings, progress)
        result = read_result(output)
    if result is None:
        raise TrainingError(
            f"the job finished, but {output} has no result",
            "mount the job's volume at the same path here and in the job",
        )
    write_about(result.adapter, about)
    return result


def _about(data: TrainingData, base: BaseModel, recipe: Recipe) -> dict[str, object]:
    return {
        "base_model": base.name,
        "base_digest": base.digest,
        "dataset_digest": data.digest,
        "system": data.system,
        "prompt": data.prompt,
        "recipe": recipe.as_dict(),
    }


def _claim_output(output: Path, about: dict[str, object]) -> None:
    job = output / JOB
    if job.is_file() and json.loads(job.read_text()) != about:
        raise TrainingError(f"{output} contains a run with another recipe or data set", "choose another output folder")
    output.mkdir(parents=True, exist_ok=True)
    part = job.with_suffix(".part")
    part.write_text(json.dumps(about))
    part.replace(job)


def _custom_trainer(
    data: TrainingData, base: BaseModel, recipe: Recipe, output: Path, settings: Settings
) -> "CustomTrainer":
    from kubeflow.trainer import CustomTrainer

    texts = {
        "base": base.path,
        "train": str(data.train.resolve()),
        "held_out": str(data.held_out.resolve()),
        "output": str(output),
        "system": data.system,
        "prompt": data.prompt,
    }
    # Percent-encoded, because on Kubernetes the arguments pass through a shell that expands dollar signs.
    arguments: dict[str, Any] = {name: quote(text) for name, text in texts.items()}
    local = settings.trainer == "local"
    return CustomTrainer(
        func=fine_tune, func_args=arguments | recipe.as_dict(), env=_local_environment(base) if local else None
    )


def _local_environment(base: BaseModel) -> dict[str, str]:
    """Return the job's environment: this interpreter's packages instead of a second installation of torch."""
    packages = sysconfig.get_paths()
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "HF_HOME") if name in os.environ}
    return kept | {
        "PATH": _path_with_this_python(),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys((packages["purelib"], packages["platlib"]))),
        "OMP_WAIT_POLICY": PASSIVE,
        "HF_HUB_OFFLINE": "1" if Path(base.path).is_dir() else "0",
        "TOKENIZERS_PARALLELISM": "false",
    }


def _path_with_this_python() -> str:
    return os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))


@contextmanager
def _this_python_first() -> Iterator[None]:
    """Put this Python first on the PATH, because the local backend builds its environment on the first `python`."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = _path_with_this_python()
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _run(trainer: "CustomTrainer", settings: Settings, progress: Progress) -> None:
    cure = "check the cluster, trainer_runtime and trainer_namespace"
    with _cluster_errors_translated("no training job could be started", cure), _this_python_first():
        client = _client(settings)
        name = client.train(runtime=_runtime(client, settings), trainer=trainer)
    lines = _Lines(client, name, progress)
    try:
        job = _awaited(client, name, settings, lines)
        if job is None:
            client.delete_job(name)
            raise TrainingError("the training job took too long", "increase training_timeout")
    except KeyboardInterrupt:
        client.delete_job(name)
        raise
    finally:
        _clear_up(name)
    if job.status == FAILED:
        raise TrainingError("the training job failed\n" + lines.last(), "fix that and start it again: it will resume")


def _awaited(client: "TrainerClient", name: str, settings: Settings, lines: "_Lines") -> "TrainJob | None":
    """Return the job when it has finished, or None if it takes too long.

    The SDK's own wait gives up when the cluster once fails to answer, though the job runs on. Here the request is retried,
    and TrainingError is raised if the cluster stays unreachable.
    """
    seen = began = time.monotonic()
    while time.monotonic() < began + settings.training_timeout:
        try:
            with _cluster_errors_translated(
                f"the training job {name} can't be reached", "check the cluster, and start it again"
            ):
                job = client.get_job(name)
                lines.show()
        except TrainingError:
            if time.monotonic() > seen + PATIENCE:
                raise
        else:
            seen = time.monotonic()
            if job.status in (COMPLETE, FAILED):
                return job
        time.sleep(POLL)
    return None


@contextmanager
def _cluster_errors_translated(what: str, cure: str) -> Iterator[None]:
    """Translate errors of Kubeflow's SDK, when a cluster is unreachable or lacks something, into TrainingError."""
    from kubernetes.client.exceptions import ApiException
    from kubernetes.config.config_exception import ConfigException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (RuntimeError, TimeoutError, ConfigException, ApiException, HTTPError) as error:
        raise TrainingError(f"{what} ({error})", cure) from error


class _Lines:
    """Passes on each line of a job's log once; after a restart of the job, those of its new pod too."""

    def __init__(self, client: "TrainerClient", name: str, progress: Progress) -> None:
        self._client, self._name, self._progress = client, name, progress
        self._lines: list[str] = []

    def show(self) -> None:
        lines = "\n".join(self._client.get_job_logs(self._name, follow=False)).splitlines()
        if not lines:  # the new pod has not started
            return
        known = len(self._lines) if lines[: len(self._lines)] == self._lines else 0
        for line in lines[known:]:
            self._progress(line)
        self._lines = lines

    def last(self) -> str:
        return "\n".join(self._lines[-LAST_LINES:])


def _client(settings: Settings) -> "TrainerClient":
    from kubeflow.trainer import KubernetesBackendConfig, LocalProcessBackendConfig, TrainerClient

    if settings.trainer == "local":
        return TrainerClient(backend_config=LocalProcessBackendConfig())
    return TrainerClient(backend_config=KubernetesBackendConfig(namespace=settings.trainer_namespace))


def _runtime(client: "TrainerClient", settings: Settings) -> "Runtime":
    if settings.trainer == "kubernetes":
        return client.get_runtime(settings.trainer_runtime)
    runtime = client.get_runtime("torch-distributed")
    # "torch" would call torchrun, which would need a second installation of torch.
    runtime.trainer.framework = "plain"
    return runtime


def _clear_up(name: str) -> None:
    """Wait until the local backend has restored the working folder, and remove what a failed job leaves behind."""
    for thread in threading.enumerate():
        if thread.name == f"{name}-train":
            thread.join()
    for folder in Path(tempfile.gettempdir()).glob(f"{name}*"):
        shutil.rmtree(folder, ignore_errors=True)
