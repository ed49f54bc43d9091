"""Training under Kubeflow Trainer's and JobSet's own controllers: the client of ml.training starts jobs on a real node.

They take the card from the platform's own models, and wait for anybody else's pod, which has the default priority.

A small function replaces the training function, which needs torch; where torch is installed (`make setup-ml`) the
real one runs too.
"""

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

from infra.pulumi.components.card import QUOTA
from infra.pulumi.components.training import APP
from infra.pulumi.names import Namespace
from ml.errors import TrainingError
from ml.settings import Settings
from ml.training.base_model import BaseModel, open_base_model
from ml.training.examples import write_examples
from ml.training.function import fine_tune
from ml.training.job import TrainingData, train
from ml.training.recipe import Recipe
from ml.training.result import TrainingResult, base_digest_of
from ml.training.runtime import SLICES
from testbed.codeintel.models import PRODUCTION, Models, production
from testbed.codeintel.serving_cluster import ServingCluster
from testbed.codeintel.training import HOLD, POD, SPACE, small_training
from testbed.codeintel.written import written
from testbed.kubernetes.api import Api, Object, RefusedError
from testbed.kubernetes.workloads import placed, pod, waits
from testbed.pulumi.recorder import recorded
from tests.ml.support import CACHE, TINY, facts


@dataclass
class Client:
    """Starts jobs whose files are in a folder that it shares with them."""

    shared: Path
    data: TrainingData
    base: BaseModel
    recipe: Recipe = TINY

    def output(self, name: str) -> Path:
        """Create a job's folder, writable for the job: it runs as nobody if the client is root."""
        folder = self.shared / name
        folder.mkdir()
        folder.chmod(0o777)
        return folder

    def train(self, output: Path, progress: Callable[[str], None] = print) -> TrainingResult:
        settings = Settings(trainer="kubernetes", training_timeout=120)
        return train(self.data, self.base, self.recipe, output, settings, progress)


@pytest.fixture(scope="module")
def shared(serving: ServingCluster) -> Path:
    """Return the folder that clients and jobs share, with Trainer and the platform's runtime installed."""
    return serving.bring_trainer()


@pytest.fixture(scope="module")
def account(serving: ServingCluster) -> Path:
    """Return a kubeconfig that has the rights of the platform's own training job, and no others."""
    for thing in (each.inputs for each in recorded().resources.values()):
        name = {"namespace": SPACE, "name": APP}
        if thing.get("kind") in ("ServiceAccount", "Role", "RoleBinding") and name.items() <= thing["metadata"].items():
            serving.api.apply(thing)
    plane = serving.cluster.plane
    return plane.authority.kubeconfig(plane.server, f"system:serviceaccount:{SPACE}:{APP}")


@pytest.fixture
def client(account: Path, shared: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr("kubernetes.config.kube_config.KUBE_CONFIG_DEFAULT_LOCATION", str(account))
    monkeypatch.setattr("ml.training.job.POLL", 0.3)
    monkeypatch.setattr("ml.training.job.fine_tune", small_training)
    data = TrainingData(shared / "train.jsonl", shared / "held_out.jsonl")
    write_examples(data.train, facts(4, seed=1))
    write_examples(data.held_out, facts(1, seed=2))
    return Client(shared, data, BaseModel(str(shared), "none", ""))


def training_pod(api: Api, phase: str) -> Object:
    """Return the training pod as soon as it is in the given phase."""

    def found() -> Object | None:
        pods = api.find("v1", "Pod", SPACE, labelSelector=POD, fieldSelector=f"status.phase={phase}")
        return pods[0] if pods else None

    pod: Object = api.wait(f"training that is {phase}", found)
    return pod


def restarts(api: Api) -> int:
    """Return how often the last job was restarted."""
    sets = api.find("jobset.x-k8s.io/v1alpha2", "JobSet", SPACE)
    last = max(sets, key=lambda each: each["metadata"]["creationTimestamp"])
    return int(last["status"].get("restarts", 0))


@pytest.mark.usefixtures("shared")
def test_the_webhook_accepts_the_gates_object_and_rejects_a_runtime_without_a_trainer(
    serving: ServingCluster,
) -> None:
    serving.api.apply(written("Namespace", Namespace.GATES))
    (text,) = written("ConfigMap", "gate-trainer", Namespace.GATES)["data"].values()
    sample = json.loads(text)
    serving.api.apply(sample, dry_run=True)
    job = sample["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]
    job["spec"]["template"]["spec"]["containers"][0]["name"] = "other"
    with pytest.raises(RefusedError, match=r"validator\.trainingruntime\.trainer\.kubeflow\.org"):
        serving.api.apply(sample, dry_run=True)


@pytest.fixture
def models(serving: ServingCluster, shared: Path) -> Iterator[Models]:
    """Yield the models, of which production has the whole card."""
    assert shared
    serving.models.bring(production())
    assert serving.models.ask(PRODUCTION)
    yield serving.models
    serving.models.take_away(production())


def test_production_gives_way_to_a_training_and_comes_back_by_itself(
    serving: ServingCluster, client: Client, models: Models
) -> None:
    api, output = serving.api, client.output("shared")
    (output / HOLD).touch()
    began = time.monotonic()
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(client.train, output)
        assert training_pod(api, "Running")["spec"]["nodeName"] == "gpu"
        taken = time.monotonic() - began
        assert len(serving.cluster.plugin.allocated[-1]) == SLICES
        assert "Insufficient nvidia.com/gpu" in waits(api, api.wait("production's next pod", lambda: pending(models)))
        (output / HOLD).unlink()
        assert ended.result().adapter.is_dir()
    began = time.monotonic()
    api.wait("production on the card again", lambda: models.ready_pods(PRODUCTION))
    print(f"training had the card after {taken:.0f} s; production was back {time.monotonic() - began:.0f} s after it")
    assert models.ask(PRODUCTION)


def pending(models: Models) -> Object | None:
    """Return production's pod that waits for the card."""
    return next((pod for pod in models.pods(PRODUCTION) if pod["status"]["phase"] == "Pending"), None)


def test_a_training_outside_the_window_waits_until_one_command_opens_it(
    serving: ServingCluster, client: Client, models: Models
) -> None:
    api = serving.api
    api.apply(written("ResourceQuota", QUOTA, SPACE))
    turn(api, "close")
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(client.train, client.output("window"))
        words = api.wait("the refusal", lambda: [event["message"] for event in refusals(api)])
        assert f"exceeded quota: {QUOTA}, requested: pods=1, used: pods=0, limited: pods=0" in words[0]
        assert models.ask(PRODUCTION)
        turn(api, "open")
        assert ended.result().adapter.is_dir()
    api.wait("production on the card again", lambda: models.ready_pods(PRODUCTION))
    api.delete(written("ResourceQuota", QUOTA, SPACE))


def turn(api: Api, state: str) -> None:
    """Open or close the window as its CronJob does."""
    job = written("CronJob", f"training-{state}", SPACE)["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    patch = next(each["args"][-1] for each in job["containers"] if each["name"] == SPACE).removeprefix("--patch=")
    quota = api.patch(written("ResourceQuota", QUOTA, SPACE), json.loads(patch))
    api.wait("the quota", lambda: (api.get(quota) or {})["status"].get("hard") == quota["spec"]["hard"])


def refusals(api: Api) -> list[Object]:
    return api.find("v1", "Event", SPACE, fieldSelector="reason=FailedCreate,involvedObject.kind=Job")


def test_training_waits_for_the_gpu_and_then_has_all_of_it(serving: ServingCluster, client: Client) -> None:
    api, output = serving.api, client.output("exclusive")
    (output / HOLD).touch()
    model = api.create(pod("model", SPACE, slices=1))
    assert placed(api, model) == "gpu"
    with ThreadPoolExecutor(1) as pool:
        ended = pool.submit(client.train, output)
        assert "Insufficient nvidia.com/gpu" in waits(api, training_pod(api, "Pending"))
        api.delete(model)
        assert training_pod(api, "Running")["spec"]["nodeName"] == "gpu"
        assert len(serving.cluster.plugin.allocated[-1]) == SLICES
        api.wait("the model's end", lambda: api.get(model) is None)
        model = api.create(pod("model", SPACE, slices=1))
        assert "Insufficient nvidia.com/gpu" in waits(api, model)
        (output / HOLD).unlink()
        assert ended.result().adapter.is_dir()
    assert placed(api, model) == "gpu"
    api.delete(model)


def test_a_failed_job_reports_the_reason_and_is_not_restarted(serving: ServingCluster, client: Client) -> None:
    lost = replace(client, base=BaseModel(str(client.shared / "nowhere"), "nowhere", ""))
    with pytest.raises(TrainingError, match=r"failed\nno checkpoint in .*/nowhere"):
        lost.train(client.output("lost"))
    assert restarts(serving.api) == 0


def test_a_killed_job_resumes_from_its_checkpoint(serving: ServingCluster, client: Client) -> None:
    output, lines = client.output("killed"), list[str]()
    (output / HOLD).touch()

    def kill_at_step_3(line: str) -> None:
        lines.append(line)
        if line.startswith("step 3/") and (output / HOLD).exists():
            kill_training(serving.node("gpu").pid)
            (output / HOLD).unlink()

    assert client.train(output, kill_at_step_3).first_step == 3
    ours = [
        line.partition("/")[0] for line in lines if "Killed" not in line
    ]  # what the shell reports, if it gets that far
    assert ours == [
        "training", "step 1", "step 2", "step 3", "resuming from 3", "step 4", "step 5", "step 6"
    ]  # fmt: skip
    assert restarts(serving.api) == 1


def kill_training(node: int) -> None:
    """Kill the function's process on a node, as the kernel does when memory runs out."""
    script = Path(small_training.__code__.co_filename).name
    for process in psutil.Process(node).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if process.cmdline()[1:] == [script]:
                process.send_signal(signal.SIGKILL)
                return
    raise AssertionError("nothing to kill")


@pytest.mark.skipif(find_spec("torch") is None, reason="torch is not installed: make setup-ml")
def test_the_real_function_trains_an_adapter(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.training.job.fine_tune", fine_tune)
    base = open_base_model(cache=CACHE)
    folder = shutil.copytree(base.path, client.shared / "base", copy_function=shutil.copyfile)  # for all to read
    short = replace(TINY, batch=1, max_steps=2, checkpoint_steps=2, threads=1)
    real = replace(client, base=replace(base, path=str(folder)), recipe=short)
    result = real.train(client.output("real"))
    assert len(result.losses) == short.max_steps
    assert result.held_out_loss_after < result.held_out_loss_before
    assert result.device == "cpu"
    assert (result.adapter / "adapter_model.safetensors").is_file()
    assert base_digest_of(result.adapter) == base.digest
