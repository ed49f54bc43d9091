"""The order of resources: the first `up` must succeed, and `destroy` must leave nothing behind."""

import json

import pytest

from infra.pulumi.catalog import PARTS, SPACES, in_order
from infra.pulumi.program import FACTORIES
from infra.pulumi.settings import Components, Models, Settings
from testbed.pulumi.recorder import component_of, prerequisites_of, recorded, with_charts
from testbed.pulumi.state import Resource, State
from tests.support.nightly import mostly_nightly

# The component whose gate opens once a group's kinds exist and its webhooks answer.
GATE_OF = {
    "cert-manager.io": "gate-cert-manager",
    "serving.kserve.io": "gate-kserve",
    "trainer.kubeflow.org": "gate-trainer",
    "monitoring.coreos.com": "gate-monitoring",
}
CONTROLLER_OF = {
    "cert-manager.io": "cert-manager",
    "serving.kserve.io": "kserve-resources",
    "trainer.kubeflow.org": "kubeflow-trainer",
    "monitoring.coreos.com": "kube-prometheus-stack",
}
NAMES = [field.alias or name for name, field in Components.model_fields.items()]


@pytest.fixture(scope="module")
def whole() -> State:
    return recorded(
        assistant={"repositories": ["https://git.example/a.git"]}, ingress={"hosts": {"assistant": "ask.example.org"}}
    )


def ancestors(state: State, resource: Resource) -> set[str]:
    return {state.resources[urn].name for urn in prerequisites_of(state, resource.urn)}


def objects_of(state: State, group: str) -> list[Resource]:
    return [each for each in state.resources.values() if str(each.inputs.get("apiVersion", "")).startswith(f"{group}/")]


@pytest.mark.parametrize("group", GATE_OF)
def test_an_object_comes_after_the_gate_of_its_kind(whole: State, group: str) -> None:
    found = objects_of(whole, group)
    assert found
    for each in found:
        assert {GATE_OF[group], CONTROLLER_OF[group]} <= ancestors(whole, each), each.name


def test_every_custom_objects_group_has_a_gate(whole: State) -> None:
    groups = {
        each.inputs["apiVersion"].split("/")[0]
        for each in whole.resources.values()
        if each.type.startswith("kubernetes:") and "." in str(each.inputs.get("apiVersion", "")).split("/")[0]
    }
    assert {group for group in groups if not group.endswith("k8s.io")} == GATE_OF.keys()


def test_a_chart_whose_objects_need_a_kind_comes_after_its_gate(whole: State) -> None:
    charts = {each.name: each for each in whole.resources.values() if each.type.startswith("kubernetes:helm.sh")}
    assert "gate-monitoring" in ancestors(whole, charts["dcgm-exporter"])
    assert {"gate-cert-manager", "gate-knative", "gate-kserve-kinds"} <= ancestors(whole, charts["kserve-resources"])
    assert {"gate-clickhouse", "gate-cert-manager"} <= ancestors(whole, charts["langfuse"])


def test_models_are_downloaded_where_kserves_agent_runs(whole: State) -> None:
    """By the charts of KServe 0.20: they do not create the namespace, and the agent needs a folder of the node."""
    caches = [each for each in whole.resources.values() if each.inputs.get("kind") == "LocalModelCache"]
    assert caches
    assert all("kserve-localmodel-jobs" in ancestors(whole, each) for each in caches)
    [space] = [
        each for each in whole.resources.values() if each.type.endswith("/v1:Namespace") and each.name == "kserve"
    ]
    assert space.inputs["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "privileged"


def test_weights_are_cached_on_gpu_nodes_unless_the_settings_say_otherwise() -> None:
    """A node without a GPU lacks the label that the chart's agent always selects: a person has to put it there."""

    def caches(gpu: bool, **models: object) -> bool:
        parts = Components.model_validate({"gpu_node": gpu})
        return Settings(components=parts, models=Models.model_validate(models)).caches_models

    assert (caches(gpu=True), caches(gpu=False)) == (True, False)
    assert (caches(gpu=True, cache=False), caches(gpu=False, cache=True)) == (False, True)


def test_the_cache_can_be_disabled_and_the_models_stay() -> None:
    state = recorded(models={"cache": False})
    kinds = {each.inputs["kind"] for each in objects_of(state, "serving.kserve.io")}
    assert kinds == {"InferenceService", "ServingRuntime"}
    assert not [each for each in state.resources.values() if each.name == "codeintel-downloads-tolerate-gpu"]


def test_knative_is_configured_once_its_webhook_answers(whole: State) -> None:
    patches = [each for each in whole.resources.values() if each.type == "kubernetes:core/v1:ConfigMapPatch"]
    assert {each.inputs["metadata"]["name"] for each in patches} >= {"config-features", "config-network"}
    assert all("gate-knative" in ancestors(whole, each) for each in patches)


def test_a_gate_waits_for_its_chart_and_tries_the_next_objects(whole: State) -> None:
    jobs = {each.name: each for each in whole.resources.values() if each.type == "kubernetes:batch/v1:Job"}
    gates = {name: each for name, each in jobs.items() if name.startswith("gate-")}
    assert gates.keys() == {
        f"gate-{name}"
        for name in (
            "cert-manager", "knative", "knative-kinds", "kserve", "kserve-kinds", "trainer", "monitoring",
            "clickhouse", "pipelines", "pipelines-run",
        )
    }  # fmt: skip
    assert "kubeflow-trainer" in ancestors(whole, gates["gate-trainer"])
    samples = next(
        each for each in whole.resources.values() if each.type.endswith(":ConfigMap") and each.name == "gate-trainer"
    )
    assert json.loads(samples.inputs["data"]["0.json"])["kind"] == "TrainingRuntime"


@pytest.mark.parametrize(
    ("namespace", "controller"), [("codeintel-models", "kserve-resources"), ("codeintel", "kubeflow-trainer")]
)
def test_a_namespace_of_user_objects_is_removed_before_their_controller(
    whole: State, namespace: str, controller: str
) -> None:
    space = next(
        each for each in whole.resources.values() if each.type.endswith(":Namespace") and each.name == namespace
        and each.type.startswith("kubernetes:")
    )  # fmt: skip
    assert controller in ancestors(whole, space)


@pytest.mark.parametrize("off", mostly_nightly(NAMES, always="kserve"))
def test_without_a_component_nothing_that_needs_it_remains(off: str) -> None:
    state = recorded({off: False})
    charts = {each.name for each in state.resources.values() if each.type.startswith("kubernetes:helm.sh")}
    for group, controller in CONTROLLER_OF.items():
        assert controller in charts or objects_of(state, group) == []
    made = {component_of(each) for each in state.resources.values() if each.type.startswith("codeintel:")}
    wanted = {off.lower()}
    wanted |= {name.replace("_", "") for name in Components.model_validate({off: False}).left_out}
    assert not made & wanted
    assert made


def test_a_preinstalled_component_adds_its_objects_without_the_chart() -> None:
    state = recorded({"kserve": "existing", "knative": "existing", "certManager": "existing", "trainer": "existing"})
    charts = {each.name for each in state.resources.values() if each.type.startswith("kubernetes:helm.sh")}
    assert not charts & {"kserve-resources", "kubeflow-trainer", "cert-manager"}
    assert {each.inputs["kind"] for each in objects_of(state, "serving.kserve.io")} == {
        "InferenceService", "LocalModelCache", "LocalModelNodeGroup", "ServingRuntime",
    }  # fmt: skip
    assert objects_of(state, "trainer.kubeflow.org")


def test_without_the_components_that_bring_charts_there_is_no_chart() -> None:
    brought = with_charts()
    assert {"certManager", "knative", "pipelines", "langfuse"} <= set(brought)
    assert not {"gpuNode", "postgres", "assistant"} & set(brought)
    assert not recorded(dict.fromkeys(brought, False)).charts


def test_the_catalog_lists_every_component_once_and_the_settings_offer_it() -> None:
    assert set(FACTORIES) == set(PARTS)
    assert {name for name, part in PARTS.items() if not part.implied} == set(Components.model_fields)
    order = in_order()
    assert sorted(order) == sorted(PARTS)
    for name, part in PARTS.items():
        space = SPACES[part.space].after if part.space else ()
        assert all(order.index(first) < order.index(name) for first in (*part.needs, *part.after, *space))
