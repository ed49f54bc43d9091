"""The whole platform program on a real API server: it goes up, stays unchanged, is as it should be, and is destroyed."""

from collections.abc import Callable, Iterator

import pytest

from infra.pulumi.settings import Components
from ml.training.runtime import SLICES
from testbed.codeintel.checks import everything, goes_away, goes_up, stays
from testbed.kubernetes.api import Api, Object, RefusedError
from testbed.kubernetes.crds import arrivals
from testbed.kubernetes.simulated_nodes import GPU, SimulatedNodes
from testbed.kubernetes.workloads import placed, pod, waits
from testbed.pulumi.double import Double
from testbed.pulumi.state import State
from tests.cluster.test_admission import may
from tests.infra.recorder import program as platform
from tests.infra.recorder import with_charts

COMPONENTS = [field.alias or name for name, field in Components.model_fields.items()]


def program(components: dict[str, bool] | None = None) -> Callable[[], None]:
    return platform(components, awaitReady=False, assistant={"repositories": ["https://git.example/team/code.git"]})


@pytest.fixture
def double(api: Api) -> Iterator[Double]:
    double = Double(api, arrivals=arrivals())
    yield double
    double.destroy()


def test_it_goes_up_without_warnings_stays_unchanged_and_is_destroyed(double: Double, api: Api) -> None:
    before = everything(api)
    state = goes_up(double, program())
    assert {"assistant", "langfuse", "grafana", "mlflow", "pipelines", "qdrant", "slices"} == set(state.outputs)
    stays(double, program())
    goes_away(double, before)


def test_without_any_chart_the_rest_goes_up_and_is_destroyed(double: Double, api: Api) -> None:
    before = everything(api)
    without = program(dict.fromkeys(with_charts(), False))
    state = goes_up(double, without)
    assert not state.charts
    assert {"assistant", "mlflow", "qdrant", "slices"} == set(state.outputs)
    stays(double, without)
    goes_away(double, before)


def test_without_any_one_component_the_rest_goes_up(double: Double, api: Api) -> None:
    """All on the same cluster: each run also removes what re-enabling the previous component added."""
    before = everything(api)
    for name in COMPONENTS:
        state = goes_up(double, program({name: False}))
        assert state.outputs, name
    goes_away(double, before)


@pytest.fixture(scope="module")
def up(api: Api, nodes: SimulatedNodes) -> Iterator[State]:
    """Bring the platform up on a cluster with a GPU node."""
    assert nodes
    double = Double(api, arrivals=arrivals())
    yield goes_up(double, program())
    double.destroy()


def live(state: State, kind: str, name: str) -> Object:
    return next(each for each in state.objects if each["kind"] == kind and each["metadata"]["name"] == name)


def model_pod(state: State, name: str, number: int = 0) -> Object:
    """Return the pod that KServe would create for an InferenceService, as far as the scheduler cares."""
    predictor = live(state, "InferenceService", name)["spec"]["predictor"]
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
    api: Api, up: State, started: Callable[[Object], Object]
) -> None:
    production = started(model_pod(up, "code-assistant"))
    assert placed(api, production) == "promised-gpu"
    assert "Insufficient nvidia.com/gpu" in waits(api, started(model_pod(up, "autoscaling-test")))


def test_five_pods_of_the_autoscaling_test_fit_and_the_sixth_waits(
    api: Api, up: State, started: Callable[[Object], Object]
) -> None:
    small = [started(model_pod(up, "autoscaling-test", number)) for number in range(SLICES)]
    assert {placed(api, each) for each in small} == {"promised-gpu"}
    assert "Insufficient nvidia.com/gpu" in waits(api, started(model_pod(up, "autoscaling-test", SLICES)))


def test_the_model_cache_downloads_on_the_gpu_node(api: Api, up: State, started: Callable[[Object], Object]) -> None:
    """KServe's agent creates a pod for its own node, without a toleration: our admission policy adds it."""
    assert live(up, "MutatingAdmissionPolicy", "codeintel-downloads-tolerate-gpu")
    download = pod("download", "kserve-localmodel-jobs")
    download["spec"]["nodeSelector"] = {"kubernetes.io/hostname": "promised-gpu"}
    tolerated = api.wait("the policy", lambda: _tolerating(api.apply(download, "try", dry_run=True)))
    assert {"key": GPU, "operator": "Exists", "effect": "NoSchedule"} in tolerated
    assert placed(api, started(download)) == "promised-gpu"


def _tolerating(thing: Object) -> list[Object]:
    """Return the pod's tolerations of a GPU node, once the new policy takes effect."""
    return [each for each in thing["spec"].get("tolerations") or [] if each.get("key") == GPU]


def test_training_takes_the_whole_gpu_too(up: State) -> None:
    [jobs] = live(up, "TrainingRuntime", "codeintel-lora")["spec"]["template"]["spec"]["replicatedJobs"]
    [node] = jobs["template"]["spec"]["template"]["spec"]["containers"]
    assert int(node["resources"]["limits"][GPU]) == SLICES


def test_a_gate_may_try_its_own_kind_and_nothing_else(api: Api, up: State) -> None:
    assert live(up, "ServiceAccount", "gate-kserve")
    user = "system:serviceaccount:codeintel-gates:gate-kserve"
    kserve = "serving.kserve.io"
    assert may(api, user, "create", "inferenceservices", "codeintel-gates", kserve)
    assert not may(api, user, "delete", "inferenceservices", "codeintel-models", kserve)
    assert not may(api, user, "create", "trainingruntimes", "codeintel-gates", "trainer.kubeflow.org")
    assert not may(api, user, "get", "secrets", "codeintel-data")


@pytest.mark.parametrize("space", ["codeintel", "codeintel-data", "codeintel-models"])
def test_no_account_in_our_namespaces_may_read_the_api(api: Api, up: State, space: str) -> None:
    assert live(up, "Namespace", space)
    user = f"system:serviceaccount:{space}:default"
    assert not [what for what in ("secrets", "pods", "configmaps") if may(api, user, "get", what, space)]


@pytest.mark.parametrize("space", ["codeintel", "codeintel-data", "codeintel-gates"])
def test_our_namespaces_reject_a_privileged_pod(api: Api, up: State, space: str) -> None:
    assert live(up, "Namespace", space)
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": space}}
    api.wait("the namespace's account", lambda: api.get(account))
    with pytest.raises(RefusedError, match='violates PodSecurity "restricted'):
        api.create(pod("bad", space, securityContext={"privileged": True}))


def test_each_pod_of_ours_is_admitted_to_its_namespace(api: Api, up: State) -> None:
    """The API server accepts a StatefulSet whose pods Pod Security rejects, so each pod itself is tried."""
    tried = []
    for each in up.objects:
        spec = each.get("spec", {})
        spec = spec["jobTemplate"]["spec"] if "jobTemplate" in spec else spec
        if each["kind"] not in ("StatefulSet", "Deployment", "Job", "CronJob"):
            continue
        template, name = spec["template"], each["metadata"]["name"]
        metadata = {**template["metadata"], "name": f"try-{name}", "namespace": each["metadata"]["namespace"]}
        thing = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": without_claims(template["spec"])}
        api.apply(thing, "try", dry_run=True)
        tried.append(name)
    assert {"assistant", "postgres", "objects", "qdrant", "mlflow", "backup-databases"} <= set(tried)


def without_claims(spec: Object) -> Object:
    """Return a pod specification with what its StatefulSet would add: a volume for each mount."""
    named = {each["name"] for each in spec.get("volumes") or []}
    mounts = {mount["name"] for each in spec["containers"] for mount in each.get("volumeMounts") or []}
    added = [{"name": name, "emptyDir": {}} for name in sorted(mounts - named)]
    return {**spec, "volumes": [*(spec.get("volumes") or []), *added], "restartPolicy": spec.get("restartPolicy")}
