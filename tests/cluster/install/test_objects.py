"""The installed platform's own objects: what they may do, and how the scheduler places the pods that come of them."""

from collections.abc import Callable, Iterator

import pytest

from infra.pulumi.components.card import PRIORITIES
from infra.pulumi.names import RUNTIME_CLASS, Namespace, Priority
from ml.pipelines.names import STAGE
from ml.training.runtime import SLICES
from testbed.codeintel.install_cluster import NODE
from testbed.kubernetes.api import Api, Object, RefusedError
from testbed.kubernetes.simulated_nodes import GPU
from testbed.kubernetes.workloads import placed, pod, waits
from tests.cluster.install.conftest import Installed
from tests.cluster.test_admission import may


def test_a_training_stage_gets_the_cards_runtime_and_its_class(installed: Installed, api: Api) -> None:
    assert installed.live("MutatingAdmissionPolicy", "codeintel-stages-see-the-card")
    stage = pod("stage", Namespace.PIPELINES, slices=SLICES)
    stage["metadata"]["labels"]["app.kubernetes.io/name"] = STAGE
    other = pod("other", Namespace.PIPELINES)
    other["metadata"]["labels"]["app.kubernetes.io/name"] = STAGE

    def settled() -> bool:  # a policy is in force a moment after it was created
        return "priorityClassName" in api.apply(stage, dry_run=True)["spec"]

    api.wait("the policy", settled)
    spec = api.apply(stage, dry_run=True)["spec"]
    assert (spec["priorityClassName"], spec["priority"]) == (Priority.TRAINING, PRIORITIES[Priority.TRAINING])
    assert spec["runtimeClassName"] == RUNTIME_CLASS
    assert "priorityClassName" not in api.apply(other, dry_run=True)["spec"]


def model_pod(installed: Installed, name: str, number: int = 0) -> Object:
    """Return the pod that KServe would create for an InferenceService, as far as the scheduler cares."""
    predictor = installed.live("InferenceService", name)["spec"]["predictor"]
    return pod(f"{name}-{number}", "codeintel-models") | {
        "spec": {
            "nodeSelector": predictor["nodeSelector"],
            "tolerations": predictor["tolerations"],
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "main",
                    "image": "dev.local/none:1",
                    "resources": {part: {GPU: each[GPU]} for part, each in predictor["model"]["resources"].items()},
                }
            ],
        }
    }


@pytest.fixture
def started(api: Api) -> Iterator[Callable[[Object], Object]]:
    """Yield a function that creates pods; remove them at the end to free their slices."""
    made: list[Object] = []

    def start(thing: Object) -> Object:
        made.append(api.create(thing))
        return made[-1]

    yield start
    for each in made:
        api.delete(each)
    api.wait("free slices", lambda: not any(api.get(each) for each in made))


def test_the_production_model_keeps_the_autoscaling_test_off_the_gpu(
    api: Api, installed: Installed, started: Callable[[Object], Object]
) -> None:
    production = started(model_pod(installed, "code-assistant"))
    assert placed(api, production) == NODE
    assert "Insufficient nvidia.com/gpu" in waits(api, started(model_pod(installed, "autoscaling-test")))


def test_five_pods_of_the_autoscaling_test_fit_and_the_sixth_waits(
    api: Api, installed: Installed, started: Callable[[Object], Object]
) -> None:
    small = [started(model_pod(installed, "autoscaling-test", number)) for number in range(SLICES)]
    assert {placed(api, each) for each in small} == {NODE}
    assert "Insufficient nvidia.com/gpu" in waits(api, started(model_pod(installed, "autoscaling-test", SLICES)))


def test_the_model_cache_downloads_on_the_gpu_node(
    api: Api, installed: Installed, started: Callable[[Object], Object]
) -> None:
    """KServe's agent creates a pod for its own node, without a toleration: our admission policy adds it."""
    assert installed.live("MutatingAdmissionPolicy", "codeintel-downloads-tolerate-gpu")
    download = pod("download", "kserve-localmodel-jobs")
    download["spec"]["nodeSelector"] = {"kubernetes.io/hostname": NODE}
    tolerated = api.wait("the policy", lambda: _tolerating(api.apply(download, "try", dry_run=True)))
    assert {"key": GPU, "operator": "Exists", "effect": "NoSchedule"} in tolerated
    assert placed(api, started(download)) == NODE


def _tolerating(thing: Object) -> list[Object]:
    """Return the pod's tolerations of a GPU node, once the new policy takes effect."""
    return [each for each in thing["spec"].get("tolerations") or [] if each.get("key") == GPU]


def test_training_takes_the_whole_gpu_too(installed: Installed) -> None:
    [jobs] = installed.live("TrainingRuntime", "codeintel-lora")["spec"]["template"]["spec"]["replicatedJobs"]
    [node] = jobs["template"]["spec"]["template"]["spec"]["containers"]
    assert int(node["resources"]["limits"][GPU]) == SLICES


def test_a_gate_may_try_its_own_kind_and_nothing_else(api: Api, installed: Installed) -> None:
    assert installed.live("ServiceAccount", "gate-kserve")
    user = "system:serviceaccount:codeintel-gates:gate-kserve"
    kserve = "serving.kserve.io"
    assert may(api, user, "create", "inferenceservices", "codeintel-gates", kserve)
    assert not may(api, user, "delete", "inferenceservices", "codeintel-models", kserve)
    assert not may(api, user, "create", "trainingruntimes", "codeintel-gates", "trainer.kubeflow.org")
    assert not may(api, user, "get", "secrets", "codeintel-data")


@pytest.mark.parametrize("space", ["codeintel", "codeintel-data", "codeintel-models"])
def test_no_account_in_our_namespaces_may_read_the_api(api: Api, installed: Installed, space: str) -> None:
    assert installed.live("Namespace", space)
    user = f"system:serviceaccount:{space}:default"
    assert not [what for what in ("secrets", "pods", "configmaps") if may(api, user, "get", what, space)]


@pytest.mark.parametrize("space", ["codeintel", "codeintel-data", "codeintel-gates"])
def test_our_namespaces_reject_a_privileged_pod(api: Api, installed: Installed, space: str) -> None:
    assert installed.live("Namespace", space)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": space}}
    api.wait("the namespace's account", lambda: api.get(account))
    with pytest.raises(RefusedError, match='violates PodSecurity "restricted'):
        api.create(pod("bad", space, securityContext={"privileged": True}))
