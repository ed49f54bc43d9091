"""The policy pack as Pulumi uses it: its own server, called over gRPC; violations are rejected, the platform passes."""

import copy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc  # type: ignore[import-untyped]
import pytest
from google.protobuf import struct_pb2  # type: ignore[import-untyped]
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc

from testbed.kubernetes.api import Object
from tests.infra.recorder import recorded

ROOT = Path(__file__).parents[2]
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
def analyzer() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    command = [sys.executable, "-u", str(ROOT / "infra" / "policy")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout
            address = f"127.0.0.1:{server.stdout.readline().strip()}"
            with grpc.insecure_channel(address, options=[("grpc.max_receive_message_length", 1 << 26)]) as channel:
                stub = analyzer_pb2_grpc.AnalyzerStub(channel)
                yield stub
        finally:
            server.terminate()


def struct(properties: Object) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update(properties)
    return made


def violations(stub: Any, thing: Object) -> dict[str, str]:
    """Return the pack's violations for an object: rule → message."""
    request = analyzer_pb2.AnalyzeRequest(type=f"kubernetes:x:{thing['kind']}", urn="urn:x", name="x")
    request.properties.CopyFrom(struct(thing))
    found = stub.Analyze(request).diagnostics
    assert all(each.enforcementLevel == analyzer_pb2.MANDATORY for each in found)
    return {each.policyName: each.message for each in found}


def change(place: tuple[str | int, ...], value: object) -> Object:
    """Return the good object with one thing changed."""
    thing = copy.deepcopy(GOOD)
    inner: Any = thing
    for part in place[:-1]:
        inner = inner[part]
    inner[place[-1]] = value
    return thing


def test_a_good_object_passes(analyzer: Any) -> None:
    assert violations(analyzer, GOOD) == {}
    assert violations(analyzer, {**ROLE, "rules": [RULE]}) == {}
    assert violations(analyzer, SERVICE) == {}


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
    analyzer: Any, rule: str, place: tuple[str | int, ...], value: object
) -> None:
    assert violations(analyzer, change(place, value)).keys() == {rule}


def test_every_kind_of_workload_is_checked(analyzer: Any) -> None:
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
        assert violations(analyzer, thing).keys() == {"has-a-fixed-image"}


@pytest.mark.parametrize("part", ["apiGroups", "resources", "verbs"])
def test_a_wildcard_is_rejected(analyzer: Any, part: str) -> None:
    assert violations(analyzer, {**ROLE, "rules": [{**RULE, part: ["*"]}]}).keys() == {"grants-no-wildcard"}


def test_a_cluster_admin_is_rejected(analyzer: Any) -> None:
    binding = {**ROLE, "kind": "ClusterRoleBinding", "roleRef": {"kind": "ClusterRole", "name": "cluster-admin"}}
    assert violations(analyzer, binding).keys() == {"grants-no-wildcard"}


@pytest.mark.parametrize("kind", ["NodePort", "LoadBalancer"])
def test_exposure_to_the_outside_is_rejected(analyzer: Any, kind: str) -> None:
    assert violations(analyzer, {**SERVICE, "spec": {"type": kind}}).keys() == {"is-not-reached-from-outside"}


def test_a_password_in_a_config_map_is_rejected(analyzer: Any) -> None:
    bad = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"admin-password": "x"}}
    assert violations(analyzer, bad).keys() == {"holds-no-secret-in-plain"}


def of_stack(stub: Any, things: list[Object]) -> list[str]:
    request = analyzer_pb2.AnalyzeStackRequest()
    for number, thing in enumerate(things):
        resource = analyzer_pb2.AnalyzerResource(type=f"kubernetes:x:{thing['kind']}", urn=f"urn:{number}", name="x")
        resource.properties.CopyFrom(struct(thing))
        request.resources.append(resource)
    return [each.message for each in stub.AnalyzeStack(request).diagnostics]


def test_a_namespace_has_to_deny_by_default(analyzer: Any) -> None:
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "open"}}
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"namespace": "open"}}
    half = {**policy, "spec": {"podSelector": {}, "policyTypes": ["Ingress"]}}
    whole = {**policy, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}}
    assert any("the namespace open has no NetworkPolicy" in each for each in of_stack(analyzer, [space, half]))
    assert of_stack(analyzer, [space, whole]) == []


def test_the_whole_platform_passes(analyzer: Any) -> None:
    state = recorded(assistant={"repositories": ["https://git.example/a.git"]})
    objects = [each.inputs for each in state.resources.values() if "kind" in each.inputs and "metadata" in each.inputs]
    assert len(objects) > 100
    found = {each["metadata"]["name"]: violations(analyzer, each) for each in objects if each["kind"] != "Secret"}
    assert {name: each for name, each in found.items() if each} == {}
    assert of_stack(analyzer, [each for each in objects if each["kind"] != "Secret"]) == []
