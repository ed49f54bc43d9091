"""Credentials that the user gives: a registry's for every pod, the hub's token for whatever downloads weights."""

import json
from typing import Any

import pytest

from infra.pulumi.cluster_check import Cluster, adapt_to_cluster
from infra.pulumi.errors import PlatformError
from infra.pulumi.settings import read_settings
from testbed.pulumi.recorder import recorded, secret_values
from testbed.pulumi.state import State

TOKEN = "hf_token-of-the-test"
CONFIG = {"auths": {"registry.example:5000": {"auth": "dXNlcjpwYXNz"}}}
DOWNLOADING = ("codeintel-models", "kserve-localmodel-jobs")


@pytest.fixture(scope="module")
def given() -> State:
    return recorded(models={"token": TOKEN}, mirror={"pullSecret": json.dumps(CONFIG)})


@pytest.fixture(scope="module")
def without() -> State:
    return recorded()


def of_kind(state: State, kind: str) -> list[Any]:
    return [each.inputs for each in state.resources.values() if each.inputs.get("kind") == kind]


def test_every_pod_of_the_platform_gets_the_registrys_credentials(given: State) -> None:
    spaces = {each["metadata"]["name"] for each in of_kind(given, "Namespace")}
    assert len(spaces) > 10
    held = {space: values for (space, name), values in secret_values(given).items() if name == "registry"}
    assert held.keys() == spaces
    assert all(json.loads(values[".dockerconfigjson"]) == CONFIG for values in held.values())
    kinds = {each["type"] for each in of_kind(given, "Secret") if each["metadata"]["name"] == "registry"}
    assert kinds == {"kubernetes.io/dockerconfigjson"}
    policies = {
        each["spec"]["matchConstraints"]["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
        for each in of_kind(given, "MutatingAdmissionPolicy")
        if "imagePullSecrets" in each["spec"]["mutations"][0]["jsonPatch"]["expression"]
    }
    assert policies == spaces


def test_whatever_downloads_weights_gets_the_hubs_token(given: State) -> None:
    held = {space for (space, name), values in secret_values(given).items() if values == {"HF_TOKEN": TOKEN}}
    assert held == {"codeintel", "kubeflow", *DOWNLOADING}
    accounts = {
        each["metadata"]["namespace"]: each["secrets"] for each in of_kind(given, "ServiceAccount") if "secrets" in each
    }
    assert accounts == {space: [{"name": "hugging-face"}] for space in DOWNLOADING}
    assert {each["spec"]["serviceAccountName"] for each in of_kind(given, "LocalModelCache")} == {"default"}
    (runtime,) = of_kind(given, "TrainingRuntime")
    (job,) = runtime["spec"]["template"]["spec"]["replicatedJobs"]
    (node,) = job["template"]["spec"]["template"]["spec"]["containers"]
    (source,) = (each["valueFrom"]["secretKeyRef"] for each in node["env"] if each["name"] == "HF_TOKEN")
    assert source == {"name": "hugging-face", "key": "HF_TOKEN", "optional": True}


def test_credentials_are_in_secrets_alone(given: State) -> None:
    for each in given.resources.values():
        if each.type != "kubernetes:core/v1:Secret":
            assert TOKEN not in str(each.inputs), each.name
            assert "dXNlcjpwYXNz" not in str(each.inputs), each.name


def test_without_credentials_there_is_no_object_for_them(without: State) -> None:
    assert not {name for _, name in secret_values(without)} & {"registry", "hugging-face"}
    assert not [each for each in of_kind(without, "ServiceAccount") if "secrets" in each]
    assert not [each for each in of_kind(without, "LocalModelCache") if "serviceAccountName" in each["spec"]]


@pytest.mark.parametrize("wrong", ["user:pass-word", '{"user": "pass-word"}', {"auths": "pass-word"}])
def test_what_kubernetes_would_reject_is_rejected_and_not_printed(wrong: Any) -> None:
    with pytest.raises(PlatformError, match=r"codeintel:mirror\.pullSecret is not Docker's config\.json") as caught:
        read_settings({"codeintel:mirror": json.dumps({"pullSecret": wrong})})
    assert "pass-word" not in str(caught.value)


def test_a_cluster_that_cannot_hand_out_credentials_is_named() -> None:
    settings = read_settings({"codeintel:mirror": json.dumps({"pullSecret": json.dumps(CONFIG)})})
    assert adapt_to_cluster(settings, Cluster((1, 36), ready=True)) == (settings, [])
    with pytest.raises(
        PlatformError, match=r"codeintel:mirror\.pullSecret is set, and Kubernetes 1\.35 .*registries\.yaml"
    ):
        adapt_to_cluster(settings, Cluster((1, 35), ready=True))
