"""The Job that starts training on the cluster: what it hands over is on volumes that its TrainJob mounts too."""

from pathlib import PurePosixPath
from typing import Any

import pytest

from ml.settings import Settings
from testbed.kubernetes.api import Object
from testbed.pulumi.recorder import recorded
from testbed.pulumi.state import State


@pytest.fixture(scope="module")
def whole() -> State:
    return recorded()


def objects(state: State, kind: str) -> dict[str, Object]:
    made = [each.inputs for each in state.resources.values() if each.inputs.get("kind") == kind]
    return {each["metadata"]["name"]: each for each in made if each["metadata"].get("namespace") == "codeintel"}


def client_pod(state: State) -> Object:
    return dict(objects(state, "CronJob")["training"]["spec"]["jobTemplate"]["spec"]["template"]["spec"])


def job_pod(state: State) -> Object:
    (runtime,) = objects(state, "TrainingRuntime").values()
    (job,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    return dict(job["template"]["spec"]["template"]["spec"])


def places(pod: Object, container: Object) -> dict[str, str]:
    """Return where a container mounts each claim."""
    claims = {
        each["name"]: each["persistentVolumeClaim"]["claimName"]
        for each in pod["volumes"]
        if "persistentVolumeClaim" in each
    }
    return {claims[each["name"]]: each["mountPath"] for each in container["volumeMounts"] if each["name"] in claims}


def test_client_and_job_mount_the_same_volumes_at_the_same_paths(whole: State) -> None:
    client, job = client_pod(whole), job_pod(whole)
    (node,) = job["containers"]
    for step in (*client["initContainers"], *client["containers"]):
        assert (
            places(client, step) == places(job, node) == {"model-cache": "/models", "training-workspace": "/workspace"}
        )
    assert objects(whole, "PersistentVolumeClaim").keys() >= {"model-cache", "training-workspace"}
    assert client["nodeSelector"] == job["nodeSelector"]  # one node at a time can mount them
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in client["tolerations"]
    assert client["securityContext"]["runAsUser"] == job["securityContext"]["runAsUser"]


def test_everything_that_is_handed_over_is_on_a_volume(whole: State, monkeypatch: pytest.MonkeyPatch) -> None:
    (train,) = client_pod(whole)["containers"]
    for each in train["env"]:
        monkeypatch.setenv(each["name"], each.get("value", "secret"))
    settings = Settings()
    assert settings.trainer == "kubernetes"
    assert (settings.trainer_namespace, settings.trainer_runtime) == ("codeintel", *objects(whole, "TrainingRuntime"))
    values = {each["name"]: each.get("value") for each in train["env"]}
    for path in (settings.data_dir, values["XDG_CACHE_HOME"]):
        assert PurePosixPath(path).is_relative_to("/workspace")
    assert values["HF_HOME"] == "/models"
    assert settings.base_model == "Qwen/Qwen2.5-Coder-7B-Instruct"
    assert not {name for name in values if name.startswith(("CODEINTEL_LLM", "CODEINTEL_API"))}


def test_it_runs_only_when_it_is_started(whole: State) -> None:
    assert objects(whole, "CronJob")["training"]["spec"]["suspend"] is True
    assert not objects(whole, "CronJob")["drift"]["spec"].get("suspend")


@pytest.mark.parametrize("lacking", ["trainer", "assistant", "mlflow"])
def test_without_its_requirements_there_is_none(lacking: str) -> None:
    assert "training" not in objects(recorded({lacking: False}), "CronJob")


def test_its_account_may_start_and_watch_a_training_and_nothing_else(whole: State) -> None:
    account = client_pod(whole)["serviceAccountName"]
    (binding,) = (each for each in objects(whole, "RoleBinding").values() if each["subjects"][0]["name"] == account)
    rules: list[Any] = objects(whole, "Role")[binding["roleRef"]["name"]]["rules"]
    assert {(*rule["resources"], *rule["verbs"]) for rule in rules} == {
        ("trainingruntimes", "get"), ("trainjobs", "create", "get", "delete"), ("pods", "list"), ("pods/log", "get"),
    }  # fmt: skip
