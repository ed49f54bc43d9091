"""Watching a job on a cluster that does not always answer; a double replaces the SDK's client, as no cluster fails on cue."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import pytest
from kubeflow.trainer.types.types import Runtime, RuntimeKind, RuntimeTrainer, TrainerType, TrainJob

from ml.errors import TrainingError
from ml.settings import Settings
from ml.training.job import _awaited, _Lines

if TYPE_CHECKING:
    from kubeflow.trainer import TrainerClient

RUNTIME = Runtime(
    "codeintel-lora", RuntimeTrainer(TrainerType.CUSTOM_TRAINER, "torch", "image"), RuntimeKind.TRAINING_RUNTIME
)


class Scripted:
    """A client with a script: for each look at the job its status and its log, or an error."""

    def __init__(self, *looks: tuple[str, str] | Exception) -> None:
        self.looks = list(looks)

    def get_job(self, name: str) -> TrainJob:
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(look, Exception):
            raise look
        status, self.log = look
        return TrainJob(name, RUNTIME, [], 1, datetime.now(UTC), status)

    def get_job_logs(self, name: str, follow: bool) -> Iterator[str]:
        yield from self.log.split()


def watch(client: Scripted, seconds: float = 60) -> tuple[TrainJob | None, list[str]]:
    shown: list[str] = []
    sdk = cast("TrainerClient", client)
    return _awaited(sdk, "job", Settings(training_timeout=seconds), _Lines(sdk, "job", shown.append)), shown


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.training.job.POLL", 0.001)


@pytest.mark.parametrize("error", [RuntimeError("Failed to get TrainJob"), TimeoutError("Timeout to get TrainJob")])
def test_a_single_failed_call_is_retried(error: Exception) -> None:
    job, shown = watch(Scripted(("Running", "a b"), error, ("Running", "a b c"), ("Complete", "a b c d")))
    assert job
    assert job.status == "Complete"
    assert shown == ["a", "b", "c", "d"]


def test_the_log_of_a_restarted_job_is_shown_too() -> None:
    _, shown = watch(Scripted(("Running", "a b c"), ("Running", ""), ("Running", "d"), ("Failed", "d e")))
    assert shown == ["a", "b", "c", "d", "e"]


def test_an_unreachable_cluster_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.training.job.PATIENCE", 0.01)
    with pytest.raises(TrainingError, match=r"job .* be reached"):
        watch(Scripted(RuntimeError("away")))


def test_a_job_that_takes_too_long_is_an_error() -> None:
    assert watch(Scripted(("Running", "")), seconds=0.01)[0] is None
