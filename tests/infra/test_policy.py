"""The policy pack as Pulumi uses it: its own server, called over gRPC; violations are rejected, the platform passes."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest

from testbed.kubernetes.api import Object
from testbed.pulumi.recorder import recorded
from tests.support.policy_pack import PolicyPack, policy_pack

GOOD: Object = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "good", "namespace": "codeintel"},
    "spec": {
        "template": {
            "spec": {
                "automountServiceAccountToken": False,
                "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
                "initContainers": [],
                "containers": [
                    {
                        "name": "main",
                        "image": "registry.example/app:1.2",
                        "env": [{"name": "API_KEY", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}],
                        "resources": {
                            "requests": {"cpu": "1", "memory": "1Gi"},
                            "limits": {"cpu": "1", "memory": "1Gi"},
                        },
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "readOnlyRootFilesystem": True,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }
                ],
            }
        }
    },
}
POD, MAIN = ("spec", "template", "spec"), ("spec", "template", "spec", "containers", 0)
ROLE = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "role"}}
RULE = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}
SERVICE = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "service"}, "spec": {"type": "ClusterIP"}}


@pytest.fixture(scope="module")
def pack() -> Iterator[PolicyPack]:
    with policy_pack() as pack:
        yield pack


def resource(thing: Object, parent: str = "", name: str = "x") -> Object:
    """Return an object as a resource of a stack, of ours or a child of another type."""
    kind = f"kubernetes:x:{thing['kind']}"
    types = f"{parent}${kind}" if parent else kind
    return {"type": kind, "urn": f"urn:pulumi:test::codeintel::{types}::{name}", "inputs": thing}


def violations(pack: PolicyPack, thing: Object) -> dict[str, str]:
    """Return the pack's violations for an object of ours: rule → message."""
    return pack.violations(resource(thing))


def change(place: tuple[str | int, ...], value: object) -> Object:
    """Return the good object with one thing changed."""
    thing = copy.deepcopy(GOOD)
    inner: Any = thing
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    return thing


def test_a_good_object_passes(pack: PolicyPack) -> None:
    assert violations(pack, GOOD) == {}
    assert violations(pack, {**ROLE, "rules": [RULE]}) == {}
    assert violations(pack, SERVICE) == {}


@pytest.mark.parametrize(
    ("rule", "place", "value"),
    [
        ("runs-as-nobody", (*POD, "securityContext"), {"seccompProfile": {"type": "RuntimeDefault"}}),
        ("runs-as-nobody", (*POD, "securityContext"), {"runAsNonRoot": True}),
        ("runs-as-nobody", (*MAIN, "securityContext", "runAsUser"), 0),
        ("runs-as-nobody", (*MAIN, "securityContext", "privileged"), True),
        ("runs-as-nobody", (*MAIN, "securityContext", "allowPrivilegeEscalation"), True),
        ("runs-as-nobody", (*MAIN, "securityContext", "capabilities"), {"add": ["NET_ADMIN"], "drop": []}),
        ("writes-only-to-volumes", (*MAIN, "securityContext", "readOnlyRootFilesystem"), False),
        ("asks-and-is-bounded", (*MAIN, "resources"), {"requests": {"cpu": "1", "memory": "1Gi"}}),
        ("asks-and-is-bounded", (*MAIN, "resources", "requests"), {"cpu": "1"}),
        ("has-a-fixed-image", (*MAIN, "image"), "registry.example:5000/app"),
        ("has-a-fixed-image", (*MAIN, "image"), "registry.example/app:latest"),
        ("stays-off-the-host", (*POD, "hostNetwork"), True),
        ("stays-off-the-host", (*POD, "volumes"), [{"name": "host", "hostPath": {"path": "/"}}]),
        ("shows-no-token", (*POD, "automountServiceAccountToken"), None),
        ("holds-no-secret-in-plain", (*MAIN, "env"), [{"name": "DB_PASSWORD", "value": "hunter2"}]),
        ("writes-only-to-volumes", (*POD, "initContainers"), [GOOD["spec"]["template"]["spec"]["containers"][0] | {"securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}]),
    ],
)  # fmt: skip
def test_a_violation_is_rejected_by_its_rule(
    pack: PolicyPack, rule: str, place: tuple[str | int, ...], value: object
) -> None:
    assert violations(pack, change(place, value)).keys() == {rule}


def test_every_kind_of_workload_is_checked(pack: PolicyPack) -> None:
    bad = change((*MAIN, "image"), "app:latest")["spec"]["template"]
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": bad["spec"]}
    nightly = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"}}
    jobs = [{"name": "node", "template": {"spec": {"template": bad}}}]
    runtime = {"apiVersion": "trainer.kubeflow.org/v1alpha1", "kind": "TrainingRuntime", "metadata": {"name": "r"}}
    for thing in (
        pod,
        {**nightly, "spec": {"jobTemplate": {"spec": {"template": bad}}}},
        {**runtime, "spec": {"template": {"spec": {"replicatedJobs": jobs}}}},
    ):
        assert violations(pack, thing).keys() == {"has-a-fixed-image"}


@pytest.mark.parametrize("part", ["apiGroups", "resources", "verbs"])
def test_a_wildcard_is_rejected(pack: PolicyPack, part: str) -> None:
    assert violations(pack, {**ROLE, "rules": [{**RULE, part: ["*"]}]}).keys() == {"grants-no-wildcard"}


def test_a_cluster_admin_is_rejected(pack: PolicyPack) -> None:
    binding = {**ROLE, "kind": "ClusterRoleBinding", "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}}
    assert violations(pack, binding).keys() == {"grants-no-wildcard"}


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
def test_exposure_to_the_outside_is_rejected(pack: PolicyPack, kind: str) -> None:
    assert violations(pack, {**SERVICE, "spec": {"type": kind}}).keys() == {"is-not-reached-from-outside"}


def test_a_password_in_a_config_map_is_rejected(pack: PolicyPack) -> None:
    bad = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"admin-password": "x"}}
    assert violations(pack, bad).keys() == {"holds-no-secret-in-plain"}


def of_stack(pack: PolicyPack, things: list[Object]) -> list[str]:
    """Return what objects of ours break together."""
    return pack.of_stack(map(resource, things))


def test_a_namespace_has_to_deny_by_default(pack: PolicyPack) -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "open"}}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"namespace": "open"}}
    half = {**policy, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    whole = {**policy, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
    assert any("the namespace open has no NetworkPolicy" in each for each in of_stack(pack, [space, half]))
    assert of_stack(pack, [space, whole]) == []


def test_the_whole_platform_passes(pack: PolicyPack) -> None:
    state = recorded(assistant={"repositories": ["https://git.example/a.git"]})
    objects = [each.inputs for each in state.resources.values() if "kind" in each.inputs and "metadata" in each.inputs]
    assert len(objects) > 100
    found = {each["metadata"]["name"]: violations(pack, each) for each in objects if each["kind"] != "Secret"}
    assert {name: each for name, each in found.items() if each} == {}
    assert of_stack(pack, [each for each in objects if each["kind"] != "Secret"]) == []


GROUP = "codeintel:platform:Knative$kubernetes:yaml/v2:ConfigGroup"
WILD = {**ROLE, "rules": [{**RULE, "verbs": ["*"]}]}


def test_a_manifest_may_do_what_the_table_accepts_of_it_and_no_more(pack: PolicyPack) -> None:
    assert pack.violations(resource(WILD, GROUP, "serving-core:knative-serving-core")) == {}
    assert pack.violations(resource(WILD, GROUP, "kourier:net-kourier")).keys() == {"grants-no-wildcard"}
    exposed = {**SERVICE, "spec": {"type": "LoadBalancer"}}
    assert pack.violations(resource(exposed, GROUP, "serving-core:webhook")).keys() == {"is-not-reached-from-outside"}


def test_an_object_of_ours_is_not_accepted_for_its_name(pack: PolicyPack) -> None:
    ours = resource(WILD, "codeintel:platform:Knative", "serving-core:knative-serving-core")
    assert pack.violations(ours).keys() == {"grants-no-wildcard"}
