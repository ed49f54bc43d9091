"""The program's own objects: hardened, closed to the outside, without passwords in plain sight."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from infra.pulumi.names import GPU
from infra.pulumi.versions import registry_of, versions
from testbed.kubernetes.api import Object
from testbed.pulumi.recorder import pods, program, record, recorded, secret_values
from testbed.pulumi.state import State

OURS = ("codeintel", "codeintel-data", "codeintel-models", "codeintel-gates")
WATCHING = ("gate-traffic", "training-window-traffic", "training-traffic")  # the API server
FLOATING = {"latest", "main", "master", "nightly", "stable", ""}


@pytest.fixture(scope="module")
def whole() -> State:
    return recorded(assistant={"repositories": ["https://git.example/a.git"]}, network={"git": ["10.1.0.0/16"]})


def containers(spec: Object) -> list[Object]:
    return [*spec["containers"], *spec.get("initContainers", [])]


def test_every_pod_is_restricted(whole: State) -> None:
    found = list(pods(whole))
    assert len(found) > 15
    for name, spec in found:
        assert spec["securityContext"]["runAsNonRoot"] is True, name
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, name
        assert spec["automountServiceAccountToken"] is ("serviceAccountName" in spec), name
        for each in containers(spec):
            assert each["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, name


def test_every_container_has_requests_and_limits(whole: State) -> None:
    for name, spec in pods(whole):
        for each in containers(spec):
            requests, limits = each["resources"]["requests"], each["resources"]["limits"]
            assert requests.keys() - {GPU} == limits.keys() - {GPU} == {"cpu", "memory"}, name
            assert requests.get(GPU) == limits.get(GPU), name


def test_every_image_and_chart_is_pinned(whole: State) -> None:
    locked = versions()
    images = {each["image"] for _, spec in pods(whole) for each in containers(spec)}
    assert images <= {each.reference(None) for each in locked.images.values()}
    for image in locked.images.values():
        assert image.tag not in FLOATING
        assert re.search(r"\d+\.\d+", image.tag), image
    named = [each.version for each in locked.charts.values()] + [each.version for each in locked.manifests.values()]
    for version in named:
        assert re.fullmatch(r"v?\d+\.\d+\.\d+", version), version
    used = {each["chart"].rsplit("/", 1)[-1] for each in whole.charts if "chart" in each}
    assert used == locked.charts.keys()


def test_a_charts_version_is_the_locked_one(whole: State) -> None:
    for each in whole.charts:
        if "chart" in each:
            assert each["version"] == versions().charts[each["chart"].rsplit("/", 1)[-1]].version


def test_every_namespace_of_ours_denies_by_default(whole: State) -> None:
    policies = [each.inputs for each in whole.resources.values() if each.type.endswith(":NetworkPolicy")]
    for space in OURS:
        deny = next(
            each
            for each in policies
            if each["metadata"]["namespace"] == space and each["metadata"]["name"] == "deny-by-default"
        )
        assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def outside(policy: Object) -> list[str]:
    return [
        peer["ipBlock"]["cidr"]
        for rule in policy["spec"].get("egress") or []
        for peer in rule.get("to") or []
        if "ipBlock" in peer
    ]


def test_no_pod_of_ours_reaches_an_address_that_is_not_set(whole: State) -> None:
    for each in (one.inputs for one in whole.resources.values() if one.type.endswith(":NetworkPolicy")):
        if each["metadata"]["namespace"] not in OURS:
            continue
        assert all("to" in rule for rule in each["spec"].get("egress") or []), each["metadata"]
        api_server = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"}
        allowed = api_server if each["metadata"]["name"] in WATCHING else set()
        assert set(outside(each)) <= allowed | {"10.1.0.0/16"}, each["metadata"]


def test_no_password_is_in_an_object_or_in_a_charts_values(whole: State) -> None:
    """Search for every generated value in everything that is not a Secret."""
    held = secret_values(whole)
    assert len(held) >= 8
    values = {value for each in held.values() for value in each.values() if len(value) >= 24}
    assert len(values) >= 12
    for each in whole.resources.values():
        if each.type not in ("kubernetes:core/v1:Secret", "pulumi:index:Stash"):  # both encrypted in the state
            text = json.dumps(each.inputs)
            assert not [value for value in values if value in text], each.name


def test_two_runs_generate_different_passwords() -> None:
    def passwords() -> set[str]:
        return {held["api-key"] for held in secret_values(record(program())).values() if "api-key" in held}

    first, second = passwords(), passwords()
    assert len(first) == len(second) == 2
    assert not first & second


def test_the_assistants_settings_match_the_stack(whole: State) -> None:
    def environment(state: State) -> dict[str, Any]:
        spec = next(spec for name, spec in pods(state) if name == "assistant")
        return {each["name"]: each.get("value") or each["valueFrom"] for each in spec["containers"][0]["env"]}

    full, small = environment(whole), environment(recorded({"models": False, "langfuse": False, "mlflow": False}))
    assert full["CODEINTEL_LLM_URL"] == "http://code-assistant-predictor.codeintel-models.svc.cluster.local/v1"
    assert full["CODEINTEL_OTLP_HEADERS"]["secretKeyRef"]["name"] == "langfuse-traces"
    assert full["CODEINTEL_LANGFUSE_URL"] == "http://langfuse-web.langfuse.svc:3000"
    assert full["CODEINTEL_LANGFUSE_SECRET_KEY"]["secretKeyRef"] == {"name": "langfuse-traces", "key": "secret-key"}
    assert full["CODEINTEL_MLFLOW_URL"] == "http://mlflow.codeintel-data.svc:5000"
    left_out = ("LLM_URL", "OTLP_URL", "LANGFUSE_URL", "MLFLOW_URL")
    assert not {f"CODEINTEL_{name}" for name in left_out} & small.keys()


def test_only_the_indexer_may_change_the_vectors(whole: State) -> None:
    keys = {
        name: each["valueFrom"]["secretKeyRef"]
        for name, spec in pods(whole)
        for each in spec["containers"][0].get("env", [])
        if each["name"] == "CODEINTEL_STORE_API_KEY"
    }
    assert keys == {
        "assistant": {"name": "qdrant", "key": "read-only-key"},
        "indexer": {"name": "qdrant", "key": "api-key"},
        "training": {"name": "qdrant", "key": "read-only-key"},
    }


def test_the_assistant_reads_every_variable_of_its_environment(whole: State, monkeypatch: pytest.MonkeyPatch) -> None:
    from ml.settings import Settings

    spec = next(spec for name, spec in pods(whole) if name == "assistant")
    for each in spec["containers"][0]["env"]:
        monkeypatch.setenv(each["name"], each.get("value") or "Authorization=Basic x")
    names = {each["name"] for each in spec["containers"][0]["env"] if each["name"].startswith("CODEINTEL_")}
    assert {name.removeprefix("CODEINTEL_").lower() for name in names} <= Settings.model_fields.keys()
    settings = Settings()
    assert (settings.llm, settings.port, settings.host) == ("openai", 8321, "0.0.0.0")


def test_adapters_reach_vllm_from_mlflow_without_a_shared_volume(whole: State, monkeypatch: pytest.MonkeyPatch) -> None:
    from ml.adapters.sidecar import Adapters
    from ml.settings import Settings

    served = next(each.inputs for each in whole.resources.values() if each.name == "inferenceservice-code-assistant")
    predictor = served["spec"]["predictor"]
    (bringing,) = predictor["containers"]
    for each in bringing["env"]:
        monkeypatch.setenv(each["name"], each["value"])
    Adapters(Settings())
    (mount,) = predictor["model"]["volumeMounts"]
    assert (mount["mountPath"], mount["readOnly"]) == (Settings().llm_adapter_dir, True)
    assert predictor["volumes"] == [{"name": mount["name"], "emptyDir": {"sizeLimit": "10Gi"}}]
    claims = [each.inputs["spec"] for each in whole.resources.values() if each.type.endswith(":PersistentVolumeClaim")]
    assert claims
    assert all(claim["accessModes"] == ["ReadWriteOnce"] for claim in claims)  # all that k3s' built-in volumes offer


def test_the_gpu_is_offered_as_slices_under_its_own_name(whole: State) -> None:
    values = next(each["values"] for each in whole.charts if each.get("chart") == "nvidia-device-plugin")
    sharing = json.loads(values["config"]["map"][values["config"]["default"]])["sharing"]["timeSlicing"]
    assert sharing == {
        "renameByDefault": False,
        "failRequestsGreaterThanOne": False,
        "resources": [{"name": "nvidia.com/gpu", "replicas": 5}],
    }


def test_our_images_come_from_our_registry_and_others_from_theirs() -> None:
    state = recorded(mirror={"built": "registry.example:5000"})
    images = {each["image"].split("@")[0] for _, spec in pods(state) for each in containers(spec)}
    assert f"registry.example:5000/codeintel/assistant:{versions().images['assistant'].tag}" in images
    assert any(image.startswith("docker.io/library/postgres:") for image in images)


@pytest.mark.parametrize(
    ("mirror", "registries"),
    [
        pytest.param({}, {"index.docker.io"}, marks=pytest.mark.nightly),
        pytest.param({"registry": "registry.example/mirror"}, {"registry.example"}, marks=pytest.mark.nightly),
        ({"registry": "registry.example/mirror", "built": "10.0.0.9:5000"}, {"10.0.0.9:5000"}),
        pytest.param({"built": "docker.io/team"}, {"index.docker.io"}, marks=pytest.mark.nightly),
    ],
)
def test_knative_asks_no_registry_for_a_models_tag(mirror: dict[str, str], registries: set[str]) -> None:
    """Its controller reaches none: the revision of a tag that it would resolve is never made."""
    state = recorded(mirror=mirror)
    patch = next(each.inputs for each in state.resources.values() if each.name == "config-deployment")
    unresolved = set(patch["data"]["registries-skipping-tag-resolving"].split(","))
    kinds = ("InferenceService", "ServingRuntime")
    models = [str(each.inputs) for each in state.resources.values() if each.inputs.get("kind") in kinds]
    images = {image for text in models for image in re.findall(r"'image': '([^']+)'", text)}
    assert {registry_of(image) for image in images if "@sha256:" not in image} == registries
    assert registries <= unresolved
    assert "dev.local" in unresolved


def test_a_mirror_replaces_every_address(tmp_path: Path) -> None:
    from infra.pulumi.errors import PlatformError

    with pytest.raises(PlatformError, match=r"codeintel:mirror.folder has no charts/.*infra\.mirror"):
        recorded(mirror={"folder": str(tmp_path)})
    state = recorded(
        dict.fromkeys(("certManager", "knative", "trainer", "observability", "pipelines", "devicePlugin"), False),
        mirror={"registry": "registry.example:5000/mirror"},
    )
    images = {each["image"] for _, spec in pods(state) for each in containers(spec)}
    assert images
    assert all(image.startswith("registry.example:5000/mirror/") for image in images)


@pytest.mark.parametrize("slices", [4, pytest.param(10, marks=pytest.mark.nightly)])
def test_everything_that_takes_the_card_takes_all_its_slices(slices: int) -> None:
    state = recorded(gpu={"slices": slices, "memory": "80G"})
    [plugin] = [each for each in state.charts if "nvidia-device-plugin" in str(each.get("chart"))]
    assert f'"replicas": {slices}' in str(plugin["values"])
    for kind in ("InferenceService", "TrainingRuntime"):
        made = [str(each.inputs) for each in state.resources.values() if each.inputs.get("kind") == kind]
        counts = [re.findall(rf"{GPU}': '?(\d+)", text) for text in made if "autoscaling-test" not in text]
        assert counts
        assert {count for found in counts for count in found} == {str(slices)}, kind
    assert state.outputs["slices"] == slices
