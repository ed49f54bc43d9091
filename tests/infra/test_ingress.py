"""The way in from outside: closed by default; with hosts, TLS for each page, signed by the authority that the settings name."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from infra.pulumi.errors import PlatformError
from testbed.pulumi.recorder import prerequisites_of, recorded, secret_values
from testbed.pulumi.rendered import Renderer, stack_config
from testbed.pulumi.state import State
from tests.support.nightly import mostly_nightly

HOSTS = {"assistant": "ask.example.org", "grafana": "grafana.example.org", "langfuse": "traces.example.org"}
CA = {
    "certificate": "-----BEGIN CERTIFICATE-----\nof-the-test\n",
    "key": "-----BEGIN PRIVATE KEY-----\nprivate-of-the-test\n",
}
ACME = {"email": "ops@example.org"}
WAYS = {"self-signed": {}, "ca": {"ca": CA}, "acme": {"acme": ACME}}


@pytest.fixture(scope="module")
def given() -> State:
    return recorded(ingress={"hosts": HOSTS})


def of_kind(state: State, kind: str) -> dict[str, Any]:
    made = (each.inputs for each in state.resources.values() if each.inputs.get("kind") == kind)
    return {each["metadata"]["name"]: each for each in made}


def test_each_page_with_a_host_has_an_ingress_with_its_certificate(given: State) -> None:
    doors, certificates = of_kind(given, "Ingress"), of_kind(given, "Certificate")
    assert {door["spec"]["rules"][0]["host"] for door in doors.values()} == set(HOSTS.values())
    for door in doors.values():
        (tls,), (rule,) = door["spec"]["tls"], door["spec"]["rules"]
        made = certificates[tls["secretName"]]
        assert made["metadata"]["namespace"] == door["metadata"]["namespace"]
        assert made["spec"]["dnsNames"] == tls["hosts"] == [rule["host"]]
        assert made["spec"]["issuerRef"] == {"kind": "ClusterIssuer", "name": "codeintel"}
        backend = rule["http"]["paths"][0]["backend"]["service"]
        assert backend["name"] == door["metadata"]["name"]
    ports = {
        name: door["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]["port"] for name, door in doors.items()
    }
    assert ports == {
        "assistant": {"number": 8321},
        "monitoring-grafana": {"number": 80},
        "langfuse-web": {"number": 3000},
    }


def test_cert_managers_objects_come_after_its_webhook_answers(given: State) -> None:
    made = [
        each for each in given.resources.values() if str(each.inputs.get("apiVersion")).startswith("cert-manager.io/")
    ]
    assert len(made) == 6
    for each in made:
        before = {given.resources[urn].name for urn in prerequisites_of(given, each.urn)}
        assert {"gate-cert-manager", "cert-manager"} <= before, each.name


def test_without_an_authority_cert_manager_makes_one(given: State) -> None:
    root = of_kind(given, "Certificate")["codeintel-ca"]
    assert root["spec"]["isCA"] is True
    assert root["metadata"]["namespace"] == "cert-manager"  # where a ClusterIssuer looks for its Secret
    issuers = of_kind(given, "ClusterIssuer")
    assert issuers["codeintel"]["spec"] == {"ca": {"secretName": root["spec"]["secretName"]}}
    assert issuers[root["spec"]["issuerRef"]["name"]]["spec"] == {"selfSigned": {}}


def test_an_authority_of_ones_own_signs() -> None:
    state = recorded(ingress={"hosts": HOSTS, "ca": CA})
    assert secret_values(state)["cert-manager", "codeintel-ca"] == {"tls.crt": CA["certificate"], "tls.key": CA["key"]}
    assert of_kind(state, "ClusterIssuer").keys() == {"codeintel"}
    others = (each for each in state.resources.values() if each.type != "kubernetes:core/v1:Secret")
    assert not [each.name for each in others if "private-of-the-test" in str(each.inputs)]


def test_the_pages_know_their_names(given: State) -> None:
    values: dict[str, Any] = {
        each["chart"].rsplit("/", 1)[-1]: each["values"] for each in given.charts if "chart" in each
    }
    assert values["langfuse"]["langfuse"]["nextauth"]["url"] == "https://traces.example.org"
    assert values["kube-prometheus-stack"]["grafana"]["grafana.ini"]["server"] == {
        "root_url": "https://grafana.example.org"
    }


def test_nothing_is_reached_from_outside_by_default() -> None:
    state = recorded()
    assert not of_kind(state, "Ingress")
    assert not of_kind(state, "ClusterIssuer")


@pytest.mark.parametrize("way", mostly_nightly(WAYS, always="acme"))
def test_cert_manager_knows_every_field(renderer: Renderer, way: str) -> None:
    """By the definitions in its chart; an API server would drop an unknown field silently."""
    rendering = renderer.config({**stack_config("gpu"), "codeintel:ingress": {"hosts": HOSTS, **WAYS[way]}})
    schemas = {
        each.thing["spec"]["names"]["kind"]: each.thing["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
        for each in rendering.of("CustomResourceDefinition")
        if each.thing["spec"]["group"] == "cert-manager.io"
    }
    made = [each for each in rendering.of("ClusterIssuer", "Certificate") if each.ours]
    assert made
    for each in made:
        Draft202012Validator(_closed(schemas[each.kind])).validate(each.thing)


def _closed(schema: Any) -> Any:
    """Return a schema that allows no field which it does not name."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(each) for name, each in schema.items()}
    if (
        isinstance(schema.get("properties"), dict)
        and schema.get("type") == "object"
        and schema["properties"].keys() != {"metadata"}
    ):
        closed.setdefault("additionalProperties", False)
    return closed


@pytest.mark.parametrize(
    ("ingress", "words"),
    [
        ({"hosts": HOSTS, "ca": CA, "acme": ACME}, ["codeintel:ingress.ca and ingress.acme are both set"]),
        (
            {"hosts": {"assistant": "https://ask.example.org"}},
            ["codeintel:ingress.hosts.assistant", "assistant.example.org"],
        ),
        ({"hosts": {"mlflow": "ml.example.org"}}, ["no setting codeintel:ingress.hosts.mlflow", "grafana"]),
        ({"hosts": HOSTS, "ca": {"certificate": "a"}}, ["codeintel:ingress.ca.key is missing"]),
    ],
)
def test_an_invalid_way_in_is_named(ingress: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(PlatformError) as caught:
        recorded(ingress=ingress)
    assert all(word in str(caught.value) for word in words), caught.value
