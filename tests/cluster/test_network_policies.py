"""The evaluator of NetworkPolicies: each rule of the API by example, and thousands of made-up policies against cyclonus."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from testbed.build import binary
from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.network_policies import End, Policies, Port, affected

SPACES = {"shop": {"team": "shop"}, "bank": {"team": "bank", "safe": "yes"}}
WEB = End("10.0.1.1", "shop", {"app": "web"}, {("http", "TCP"): 8080})
CACHE = End("10.0.1.2", "shop", {"app": "cache", "tier": "data"}, {("http", "TCP"): 9090})
LEDGER = End("10.0.2.1", "bank", {"app": "ledger", "tier": "data"}, {("http", "TCP"): 8080, ("dns", "UDP"): 53})
VAULT = End("10.0.2.2", "bank", {"app": "vault"})
OUTSIDE = End("93.184.216.34")
NODE = End("10.0.2.250")
ENDS = (WEB, CACHE, LEDGER, VAULT, OUTSIDE, NODE)


def policy(space: str = "shop", **spec: Any) -> Object:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "a", "namespace": space},
        "spec": {"podSelector": {}, **spec},
    }


def into(*ports: Object, **peer: Any) -> Object:
    """Return a policy of the shop with one rule: these peers, these ports."""
    rule: Object = {"from": [peer]} if peer else {}
    return policy(policyTypes=["Ingress"], ingress=[rule | ({"ports": list(ports)} if ports else {})])


def passes(things: list[Object], caller: End, callee: End, number: int = 8080, protocol: str = "TCP") -> bool:
    return Policies(things, SPACES).allow(caller, callee, Port(number, protocol))


DATA = {"matchLabels": {"tier": "data"}}
BANK = {"matchLabels": {"team": "bank"}}


@pytest.mark.parametrize(
    ("things", "caller", "callee", "port", "open_"),
    [
        ([], OUTSIDE, WEB, (8080, "TCP"), True),  # no policy: not isolated
        ([policy("bank")], LEDGER, WEB, (8080, "TCP"), True),  # of another namespace
        ([policy()], OUTSIDE, WEB, (8080, "TCP"), False),  # no rule at all
        ([policy()], WEB, LEDGER, (8080, "TCP"), True),  # without types and egress: ingress alone
        ([policy(egress=[{}])], WEB, LEDGER, (8080, "TCP"), True),  # an empty rule is about everything
        ([policy(policyTypes=["Egress"])], WEB, LEDGER, (8080, "TCP"), False),
        ([policy(policyTypes=["Egress"])], LEDGER, WEB, (8080, "TCP"), True),  # not isolated for ingress
        ([policy(podSelector=DATA)], LEDGER, WEB, (8080, "TCP"), True),  # selects the cache alone
        ([policy(podSelector=DATA)], LEDGER, CACHE, (8080, "TCP"), False),
        ([policy()], WEB, WEB, (8080, "TCP"), True),  # a pod always reaches itself
        ([into(podSelector=DATA)], CACHE, WEB, (8080, "TCP"), True),
        ([into(podSelector=DATA)], LEDGER, WEB, (8080, "TCP"), False),  # a pod selector alone: its own namespace
        ([into(namespaceSelector=BANK)], VAULT, WEB, (8080, "TCP"), True),
        ([into(namespaceSelector=BANK, podSelector=DATA)], VAULT, WEB, (8080, "TCP"), False),  # both must match
        ([into(namespaceSelector=BANK, podSelector=DATA)], LEDGER, WEB, (8080, "TCP"), True),
        ([into(namespaceSelector={})], VAULT, WEB, (8080, "TCP"), True),  # every pod
        ([into(namespaceSelector={})], OUTSIDE, WEB, (8080, "TCP"), False),  # and no other address
        ([into()], OUTSIDE, WEB, (8080, "TCP"), True),  # no peers: everybody
        ([into(ipBlock={"cidr": "93.184.0.0/16"})], OUTSIDE, WEB, (8080, "TCP"), True),
        ([into(ipBlock={"cidr": "93.0.0.0/8", "except": ["93.184.0.0/16"]})], OUTSIDE, WEB, (8080, "TCP"), False),
        ([into({"port": 8080})], LEDGER, WEB, (8080, "TCP"), True),
        ([into({"port": 8080})], LEDGER, WEB, (8080, "UDP"), False),  # TCP by default
        ([into({"protocol": "UDP"})], LEDGER, WEB, (53, "UDP"), True),  # every port of a protocol
        ([into({"port": 8000, "endPort": 8090})], LEDGER, WEB, (8090, "TCP"), True),
        ([into({"port": 8000, "endPort": 8090})], LEDGER, WEB, (8091, "TCP"), False),
        ([into({"port": "http"})], LEDGER, WEB, (8080, "TCP"), True),
        ([into({"port": "http"})], LEDGER, CACHE, (8080, "TCP"), False),  # a name is each pod's own
        ([policy(), into({"port": 8080})], LEDGER, WEB, (8080, "TCP"), True),  # policies add up
        ([policy(policyTypes=["Egress"], egress=[{"ports": [{"port": "http"}]}])], WEB, LEDGER, (8080, "TCP"), True),
    ],
)  # fmt: skip
def test_the_rules_of_the_api(
    things: list[Object], caller: End, callee: End, port: tuple[int, str], open_: bool
) -> None:
    assert passes(things, caller, callee, *port) is open_


@pytest.mark.parametrize(
    ("operator", "values", "web", "cache"),
    [("In", ["data"], False, True), ("NotIn", ["data"], True, False), ("Exists", None, False, True), ("DoesNotExist", None, True, False)],
)  # fmt: skip
def test_a_missing_label_is_in_no_set(operator: str, values: list[str] | None, web: bool, cache: bool) -> None:
    """NotIn matches a missing label here, as in Kubernetes; in cyclonus it does not."""
    requirement = {"key": "tier", "operator": operator} | ({"values": values} if values else {})
    allowing = into(podSelector={"matchExpressions": [requirement]})
    selecting = policy(podSelector={"matchExpressions": [requirement]})
    assert (passes([allowing], WEB, CACHE), passes([allowing], CACHE, WEB)) == (web, cache)
    assert (passes([selecting], OUTSIDE, WEB), passes([selecting], OUTSIDE, CACHE)) == (not web, not cache)


def test_whether_a_block_matches_pods_is_the_networks_choice() -> None:
    rule = into(ipBlock={"cidr": "10.0.2.0/24"})
    assert Policies([rule], SPACES, blocks_match_pods=True).allow(LEDGER, WEB, Port(1))
    assert not Policies([rule], SPACES, blocks_match_pods=False).allow(LEDGER, WEB, Port(1))
    assert Policies([rule], SPACES, blocks_match_pods=False).allow(NODE, WEB, Port(1))


def test_the_api_server_fills_in_the_same_directions(api: Api, namespace: Callable[..., str]) -> None:
    sections: list[Object] = [{}, {"ingress": [{}]}, {"egress": [{}]}, {"egress": []}, {"policyTypes": ["Egress"]}]
    for number, section in enumerate(sections):
        thing = policy(namespace(), **section)
        thing["metadata"]["name"] = f"case-{number}"
        assert api.create(thing)["spec"]["policyTypes"] == list(affected(thing["spec"])), section


def selectors() -> st.SearchStrategy[Object]:
    """Draw selectors; `NotIn` only for a label that every pod and namespace has, as cyclonus takes it otherwise."""
    labels = st.sampled_from(
        [{}, {"app": "web"}, {"tier": "data"}, {"team": "bank"}, {"app": "ledger", "tier": "data"}]
    )
    some = st.lists(st.sampled_from(["web", "ledger", "data", "shop", "yes"]), min_size=1, max_size=2, unique=True)
    keys = st.sampled_from(["app", "tier", "team", "safe"])
    expressions = st.one_of(
        st.builds(lambda key, values: {"key": key, "operator": "In", "values": values}, keys, some),
        st.builds(
            lambda key, which: {"key": key, "operator": which}, keys, st.sampled_from(["Exists", "DoesNotExist"])
        ),
    )
    return st.builds(
        lambda match, each: {"matchLabels": match} | ({"matchExpressions": each} if each else {}),
        labels,
        st.lists(expressions, max_size=2),
    )


BLOCKS = st.sampled_from([
    {"cidr": "0.0.0.0/0"}, {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}, {"cidr": "10.0.2.0/24"},
    {"cidr": "10.0.0.0/16", "except": ["10.0.2.0/25"]}, {"cidr": "93.184.216.34/32"},
])  # fmt: skip
PEERS = st.one_of(
    st.builds(lambda pods: {"podSelector": pods}, selectors()),
    st.builds(lambda spaces: {"namespaceSelector": spaces}, selectors()),
    st.builds(lambda pods, spaces: {"podSelector": pods, "namespaceSelector": spaces}, selectors(), selectors()),
    st.builds(lambda block: {"ipBlock": block}, BLOCKS),
)
PORTS = st.sampled_from([
    {"port": 8080}, {"port": 53, "protocol": "UDP"}, {"protocol": "UDP"}, {"protocol": "TCP"}, {"port": "http"},
    {"port": "dns", "protocol": "UDP"}, {"port": 8000, "endPort": 9090}, {"port": "http", "protocol": "UDP"},
])  # fmt: skip


def rules(side: str) -> st.SearchStrategy[list[Object]]:
    rule = st.fixed_dictionaries({}, optional={side: st.lists(PEERS, max_size=2), "ports": st.lists(PORTS, max_size=2)})
    return st.lists(rule, max_size=3)


POLICIES = st.builds(
    lambda space, pods, types, ingress, egress: policy(
        space, podSelector=pods, policyTypes=types, ingress=ingress, egress=egress
    ),
    st.sampled_from(sorted(SPACES)),
    selectors(),
    st.sampled_from([["Ingress"], ["Egress"], ["Ingress", "Egress"]]),
    rules("from"),
    rules("to"),
)
PROBES = [
    (caller, callee, Port(number, protocol))
    for caller in ENDS
    for callee in ENDS
    if caller is not callee and (caller.namespace or callee.namespace)
    for number, protocol in ((8080, "TCP"), (9090, "TCP"), (53, "UDP"), (22, "TCP"))
]


@pytest.fixture(scope="module")
def cyclonus() -> Path:
    return binary("cyclonus")


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(POLICIES, min_size=1, max_size=4))
def test_it_agrees_with_cyclonus(cyclonus: Path, things: list[Object]) -> None:
    asked = [{"policies": things, "probes": [probe(*each) for each in PROBES]}]
    done = subprocess.run([cyclonus], input=json.dumps(asked), capture_output=True, text=True, check=True)
    [answers] = json.loads(done.stdout)
    ours = Policies(things, SPACES)
    assert [ours.allow(*each) for each in PROBES] == answers


def probe(caller: End, callee: End, port: Port) -> Object:
    """Return a connection as cyclonus takes it: with the name that the callee gives the port."""
    names = (
        name
        for (name, protocol), number in callee.named_ports.items()
        if (number, protocol) == (port.number, port.protocol)
    )
    return {
        "Source": peer(caller),
        "Destination": peer(callee),
        "ResolvedPort": port.number,
        "ResolvedPortName": next(names, ""),
        "Protocol": port.protocol,
    }


def peer(end: End) -> Object:
    if end.namespace is None:
        return {"IP": end.address}
    inside = {"Namespace": end.namespace, "NamespaceLabels": SPACES[end.namespace], "PodLabels": end.labels}
    return {"IP": end.address, "Internal": inside}
