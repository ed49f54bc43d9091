"""The charts' custom resource definitions: the API server serves them all, and checks objects by their schemas."""

from collections.abc import Iterator

import pytest

from ml.training.runtime import RuntimeArgs, training_runtime
from testbed.kubernetes.api import Api, Object, RefusedError, condition
from testbed.kubernetes.crds import arrivals
from tests.cluster.conftest import Namespace


def inference_service(namespace: str, **predictor: object) -> Object:
    model = {"modelFormat": {"name": "vLLM"}, "storageUri": "pvc://models/base"}
    return {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {"name": "model", "namespace": namespace},
        "spec": {"predictor": {"model": model, **predictor}},
    }


@pytest.fixture(scope="module")
def served(api: Api) -> Iterator[list[Object]]:
    """Install all of the definitions and wait until they are Established."""
    whole = [thing for things in arrivals().values() for thing in things]
    before = len(api.warnings)
    for thing in whole:
        api.apply(thing)

    def established() -> bool:
        return all(condition(api.get(thing) or {}, "Established") == "True" for thing in whole)

    api.wait("all kinds", established)
    assert api.warnings[before:] == []
    yield whole
    for thing in whole:
        api.delete(thing, "Background")
    api.wait("their end", lambda: not any(api.get(thing) for thing in whole))


def test_each_kind_can_be_listed(api: Api, served: list[Object]) -> None:
    assert len(served) > 25
    for thing in served:
        spec = thing["spec"]
        version = next(each["name"] for each in spec["versions"] if each["storage"])
        path = api.collection(f"{spec['group']}/{version}", spec["names"]["kind"])
        assert api.request("GET", path)["items"] == []


@pytest.mark.usefixtures("served")
def test_a_misspelt_or_mistyped_field_is_rejected(api: Api, namespace: Namespace) -> None:
    space = namespace()
    with pytest.raises(RefusedError, match="maxReplica"):
        api.apply(inference_service(space, maxReplica=5))
    with pytest.raises(RefusedError, match=r"spec\.predictor\.maxReplicas"):
        api.apply(inference_service(space, maxReplicas="five"))
    assert api.apply(inference_service(space, maxReplicas=5))["spec"]["predictor"]["maxReplicas"] == 5


@pytest.mark.usefixtures("served")
def test_a_training_runtime_is_accepted_and_a_misspelt_field_rejected(api: Api, namespace: Namespace) -> None:
    space = namespace()
    for packages in ((), ("unsloth", "peft")):
        made = training_runtime(RuntimeArgs("example.org/trainer:1", namespace=space, packages=packages))
        assert api.apply(made)["spec"]["template"]
    pod = made["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    pod["nodeSelektor"] = {}
    with pytest.raises(RefusedError, match="nodeSelektor"):
        api.apply(made)
