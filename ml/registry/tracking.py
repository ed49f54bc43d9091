"""A training run in MLflow: its inputs, its results, and all that is needed to repeat it."""

import json
import subprocess
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from ml.errors import RegistryError
from ml.registry.mlflow_client import experiment_id, open_client, text_artifact, translated
from ml.training.base_model import BaseModel
from ml.training.examples import HELD_OUT, TRAIN
from ml.training.job import TrainingData
from ml.training.recipe import Recipe
from ml.training.result import ABOUT, TrainingResult

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric

EXPERIMENT, ADAPTER, DATASET = "codeintel-training", "adapter", "dataset"
PACKAGES = ("torch", "transformers", "peft", "trl", "datasets", "accelerate", "kubeflow", "mlflow")


@dataclass(frozen=True, slots=True)
class LoggedRun:
    """A logged run: enough to repeat it, and the loss to compare a repetition with."""

    run_id: str
    recipe: Recipe
    base: str
    base_digest: str
    dataset_digest: str
    code_revision: str
    packages: dict[str, str]
    held_out_loss: float


def log_run(
    address: str, data: TrainingData, base: BaseModel, recipe: Recipe, result: TrainingResult, repository: Path
) -> str:
    """Log a finished training run, and return its id; `repository` is the checkout whose revision is logged.

    The data set is logged as an artifact, to your own server only, so that the run can be repeated. Raise RegistryError
    if MLflow is down or rejects a request; a run that was created is then marked as failed.
    """
    client = open_client(address)
    with translated(address):
        run_id: str = client.create_run(
            experiment_id(client, EXPERIMENT), run_name=f"{base.name}-{recipe.seed}"
        ).info.run_id
        status = "FAILED"
        try:
            tags = {"base_model": base.name, "base_digest": base.digest, "dataset_digest": data.digest}
            client.log_batch(run_id, metrics=_metrics(result))
            for name, number in recipe.as_dict().items():
                client.log_param(run_id, name, number)
            for name, value in (tags | {"code_revision": code_revision(repository), "device": result.device}).items():
                client.set_tag(run_id, name, value)
            _log_artifacts(client, run_id, data, result)
            status = "FINISHED"
        finally:
            client.set_terminated(run_id, status)
    return run_id


def read_run(address: str, run_id: str) -> LoggedRun:
    """Read the inputs of a logged run. Raise RegistryError if there is no such run."""
    client = open_client(address)
    with translated(address):
        run = client.get_run(run_id)
        packages = json.loads(text_artifact(client, run_id, "packages.json"))
    tags = run.data.tags
    try:
        return LoggedRun(
            run_id=run_id,
            recipe=Recipe.from_logged(run.data.params),
            base=tags["base_model"],
            base_digest=tags["base_digest"],
            dataset_digest=tags["dataset_digest"],
            code_revision=tags["code_revision"],
            packages=packages,
            held_out_loss=run.data.metrics["held_out_loss_after"],
        )
    except KeyError as error:
        raise RegistryError(f"run {run_id} was not logged by `codeintel train`", "name another run") from error


def logged_data(address: str, run_id: str, folder: Path) -> TrainingData:
    """Download the data set of a run into a folder. Raise RegistryError if it is not the one that was logged."""
    logged, client = read_run(address, run_id), open_client(address)
    with translated(address):
        about = json.loads(text_artifact(client, run_id, f"{ADAPTER}/{ABOUT}"))
        place = Path(client.download_artifacts(run_id, DATASET, str(folder)))
    data = TrainingData.in_folder(place, about["system"], about["prompt"])
    if data.digest != logged.dataset_digest:
        raise RegistryError(f"the data set of run {run_id} is not the one it was trained on", "name another run")
    return data


def differing_packages(run: LoggedRun) -> dict[str, tuple[str, str]]:
    """Return the packages whose version differs, as (then, now): a repetition's loss may differ because of them."""
    now = package_versions()
    return {name: (then, now.get(name, "")) for name, then in run.packages.items() if now.get(name) != then}


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that affect the result of training."""
    return {name: version(name) for name in PACKAGES}


def code_revision(repository: Path) -> str:
    """Return the checked-out git revision, with "-dirty" if files differ, or "unknown" outside a checkout."""
    command = ["git", "-C", str(repository), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return done.stdout.strip()


def _metrics(result: TrainingResult) -> "list[Metric]":
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    figures = {
        "held_out_loss_before": result.held_out_loss_before,
        "held_out_loss_after": result.held_out_loss_after,
        "tokens_per_second": result.tokens_per_second,
        "peak_memory_mb": result.peak_memory_mb,
        "train_examples": result.train_examples,
        "left_out": result.left_out,
    }
    curve = [Metric("loss", loss, now, step) for step, loss in result.losses]
    return curve + [Metric(name, float(value), now, 0) for name, value in figures.items()]


def _log_artifacts(client: "MlflowClient", run_id: str, data: TrainingData, result: TrainingResult) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        draw_losses(result, folder / "loss.png")
        (folder / "packages.json").write_text(json.dumps(package_versions(), indent=1))
        (folder / DATASET).mkdir()
        (folder / DATASET / TRAIN).write_bytes(data.train.read_bytes())
        (folder / DATASET / HELD_OUT).write_bytes(data.held_out.read_bytes())
        client.log_artifacts(run_id, scratch)
    client.log_artifacts(run_id, str(result.adapter), ADAPTER)


def draw_losses(result: TrainingResult, picture: Path) -> None:
    """Draw the loss at each step, and the held-out loss before and after, as a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    steps, losses = zip(*result.losses, strict=True)
    axes.plot(steps, losses, label="training")
    before, after = result.held_out_loss_before, result.held_out_loss_after
    axes.plot((steps[0], steps[-1]), (before, after), "o", label=f"held out: {before:.2f} → {after:.2f}")
    axes.set(xlabel="step", ylabel="loss, nats per token", ylim=(0, None))
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(picture, dpi=120)
