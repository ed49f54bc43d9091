"""The double of Pulumi's engine against a real API server, with a small program of its own."""

import os
from collections.abc import Callable, Iterator

import pulumi
import pulumi_kubernetes as k8s
import pytest

from testbed.codeintel.checks import everything, goes_away, goes_up, stays
from testbed.errors import ClusterError
from testbed.kubernetes.api import Api, RefusedError, key
from testbed.pulumi.double import Double

KIND = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "lamps.test.codeintel"},
    "spec": {
        "group": "test.codeintel",
        "names": {"kind": "Lamp", "plural": "lamps"},
        "scope": "Namespaced",
        "versions": [
            {
                "name": "v1",
                "served": True,
                "storage": True,
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {"spec": {"type": "object", "properties": {"watts": {"type": "integer"}}}},
                    }
                },
            }
        ],
    },
}
SPACE = f"double-{os.getpid()}"
Program = Callable[[], None]


def program(watts: int = 40, extra: bool = True) -> Program:
    """Return a program: a namespace, a chart with a kind, an object of that kind, and a ConfigMap with a secret in it."""

    def run() -> None:
        space = k8s.core.v1.Namespace("space", metadata={"name": SPACE, "labels": {"tier": "test"}})
        chart = k8s.helm.v3.Release("lamps", chart="lamps", version="1.2.3", values={"bright_ness": {"a_b": 1}})
        k8s.apiextensions.CustomResource(
            "lamp",
            api_version="test.codeintel/v1",
            kind="Lamp",
            metadata={"namespace": SPACE, "name": "desk"},
            spec={"watts": watts},
            opts=pulumi.ResourceOptions(depends_on=[space, chart]),
        )
        if extra:
            k8s.core.v1.Secret(
                "password",
                metadata={"namespace": space.metadata["name"]},
                string_data={"password": pulumi.Output.secret("s3cret")},
            )
        pulumi.export("space", space.metadata.name)

    return run


@pytest.fixture
def double(api: Api) -> Iterator[Double]:
    double = Double(api, arrivals={"lamps": [KIND]})
    yield double
    double.destroy()
    assert api.get({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}) is None


def test_objects_exist_and_secrets_are_decrypted(double: Double, api: Api) -> None:
    state = double.up(program())
    secret, lamp = (next(each for each in state.objects if each["kind"] == kind) for kind in ("Secret", "Lamp"))
    assert api.get(secret) == secret | {"metadata": (api.get(secret) or {})["metadata"]}
    assert secret["data"] == {"password": "czNjcmV0"}
    assert secret["metadata"]["name"].startswith("password-")
    assert lamp["spec"] == {"watts": 40}
    assert state.outputs == {"space": SPACE}
    assert [(each["chart"], each["version"], each["values"]) for each in state.charts] == [
        ("lamps", "1.2.3", {"bright_ness": {"a_b": 1}})
    ]


def test_a_second_run_changes_nothing_and_destroy_leaves_nothing(double: Double, api: Api) -> None:
    before = everything(api)
    goes_up(double, program())
    assert everything(api) - before
    stays(double, program())
    goes_away(double, before)


def test_an_object_removed_from_the_program_is_deleted(double: Double, api: Api) -> None:
    (secret,) = (each for each in double.up(program()).objects if each["kind"] == "Secret")
    double.up(program(extra=False))
    assert api.get(secret) is None


def test_a_preview_reports_and_changes_nothing(double: Double, api: Api) -> None:
    def plan(program: Program) -> dict[str, str]:
        return {urn.rsplit("::", 1)[1]: what for urn, what in double.preview(program).items()}

    assert plan(program()) == {"space": "create", "lamps": "create", "lamp": "create", "password": "create"}
    assert api.get({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}}) is None
    before = {key(each): each["metadata"]["resourceVersion"] for each in double.up(program()).objects}
    assert plan(program(watts=60, extra=False)) == {
        "space": "same",
        "lamps": "same",
        "lamp": "update",
        "password": "delete",
    }
    assert before == {key(each): (api.get(each) or {})["metadata"]["resourceVersion"] for each in double.state.objects}


def test_an_object_before_its_kind_fails_the_run(double: Double) -> None:
    double.arrivals = {}
    with pytest.raises(ClusterError, match=r"knows no Lamp of test\.codeintel/v1"):
        double.up(program())
    assert [each.type for each in double.state.resources.values() if each.name == "space"]


def test_an_object_that_the_api_server_rejects_fails_the_run(double: Double) -> None:
    def misspelt() -> None:
        program()()
        k8s.core.v1.ConfigMap("map", metadata={"name": "map", "labels": {"a b": "not a label"}})

    with pytest.raises(RefusedError, match=r"metadata\.labels: Invalid value"):
        double.up(misspelt)
