"""Who may talk to whom: all policies of a rendered stack, ours and the charts', judged against the table in ways.py."""

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from infra.pulumi import ends
from infra.pulumi.ends import Anyone, Pods, Spaces
from infra.pulumi.ends import End as TableEnd
from infra.pulumi.names import Namespace
from infra.pulumi.settings import PRIVATE
from infra.pulumi.ways import WAYS, open_ways
from testbed.kubernetes.api import Object
from testbed.kubernetes.network_policies import End, Port, selects
from testbed.pulumi.recorder import recorded
from testbed.pulumi.rendered import Renderer, stack_config
from tests.infra.network import API_SERVER, CONFIG, OUTSIDE, SYSTEM, Cluster, Pod, monitored, told_services

DNS = {53, 5353}
NOBODYS = Port(31337)  # on which nothing listens


@pytest.fixture(scope="module")
def cluster(renderer: Renderer) -> Cluster:
    return Cluster(renderer.config({**stack_config("gpu"), **CONFIG}))


def is_end(table: TableEnd, end: End) -> bool:
    """Return whether an end of the table stands for a pod or an address."""
    if isinstance(table, Pods):
        return table.namespace == end.namespace and dict(table.labels).items() <= dict(end.labels).items()
    if isinstance(table, Spaces):
        return end.namespace == SYSTEM  # the setting's default
    if isinstance(table, Anyone):
        return table is Anyone.ANYBODY or end.namespace is not None
    return OUTSIDE[table.name] is end


def in_table(cluster: Cluster, caller: End, callee: End, port: Port) -> bool:
    """Return whether the table opens a way; every pod of ours may ask the cluster's DNS."""
    if callee.namespace == SYSTEM and port.number in DNS:
        return True
    return port.protocol == "TCP" and any(
        port.number in (way.ports or (port.number,)) and is_end(each, caller) and is_end(way.callee, callee)
        for each, way in open_ways(cluster.rendering.settings)
    )


def ends_of(cluster: Cluster, table: TableEnd) -> list[End]:
    """Return all that an end of the table stands for; of those that it does not name, only whom the program leaves open."""
    found = [each for each in (*cluster.pods, *OUTSIDE.values()) if is_end(table, each)]
    return [each for each in found if each.namespace not in cluster.guarded] if isinstance(table, Anyone) else found


def test_each_way_is_open_from_end_to_end(cluster: Cluster) -> None:
    """Even where the network matches address blocks with addresses outside alone."""
    ways = list(open_ways(cluster.rendering.settings))
    assert {way for _, way in ways} == set(WAYS), "the stack lacks something, so that not every way is tested"
    closed = [
        f"{one} to {other}:{port}, {way.why}"
        for caller, way in ways
        for one, other in itertools.product(ends_of(cluster, caller), ends_of(cluster, way.callee))
        for port in way.ports or (NOBODYS.number,)
        if not cluster.careful_policies.allow(one, other, Port(port))
    ]
    assert not closed


def test_each_end_of_the_table_is_there_and_listens(cluster: Cluster) -> None:
    for caller, way in open_ways(cluster.rendering.settings):
        assert ends_of(cluster, caller), f"nothing is {caller}"
        served = [port.number for each in ends_of(cluster, way.callee) if isinstance(each, Pod) for port in each.ports]
        if isinstance(way.callee, Pods):
            assert set(way.ports) <= set(served), f"{way.callee.name} does not listen on {set(way.ports) - set(served)}"


def test_each_policy_selects_a_pod(cluster: Cluster) -> None:
    for each in cluster.rendering.of("NetworkPolicy"):
        selected = (pod for pod in cluster.pods if selects(each.thing, pod))
        assert any(selected), f"{each} selects no pod"


def possible(cluster: Cluster) -> Iterator[tuple[End, End, Port]]:
    """Yield every pair of ends of which the program guards one, with the ports of the callee, and one that nobody has."""
    for caller, callee in itertools.permutations((*cluster.pods, *OUTSIDE.values()), 2):
        if {caller.namespace, callee.namespace} & cluster.guarded:
            yield from ((caller, callee, port) for port in (*ports_of(callee), NOBODYS))


def ports_of(callee: End) -> tuple[Port, ...]:
    usual = (22, 80, 443, 6443, 9100, 10250)
    return callee.ports if isinstance(callee, Pod) else tuple(map(Port, usual))


def test_every_other_way_is_shut(cluster: Cluster) -> None:
    """Even where the network matches address blocks with pods too."""
    ways = list(possible(cluster))
    allowed = {way for way in ways if cluster.policies.allow(*way)}
    wrong = [
        f"{one} to {other}:{port.number}" for one, other, port in allowed if not in_table(cluster, one, other, port)
    ]
    assert not wrong, f"{len(wrong)} ways are open that the table does not have: {sorted(wrong)[:20]}"
    shut = len(ways) - len(allowed)
    assert shut > 10_000
    print(f"{len(cluster.policies.objects)} policies, {len(cluster.pods)} pods: {len(allowed)} ways open, {shut} shut")


def test_a_pod_reaches_each_service_that_it_is_told_of(cluster: Cluster) -> None:
    told = [(pod, *each) for pod in cluster.pods for each in told_services(cluster, pod)]
    assert len(told) > 40
    for pod, what, service, port in told:
        ports = cluster.services[service]
        targets = ports[port] if port else [each for lead in ports.values() for each in lead]
        assert targets, f"{pod}'s {what} names {'.'.join(service)}, which leads nowhere"
        reached = [each for each in targets if cluster.careful_policies.allow(pod, *each)]
        assert reached, f"{pod}'s {what} names {'.'.join(service)}, which it can't reach"


def test_prometheus_reaches_what_it_is_to_read_and_no_more(cluster: Cluster) -> None:
    read = set(monitored(cluster))
    prometheus = ends_of(cluster, ends.PROMETHEUS)[0]
    closed = {str(each) for each in read if not cluster.careful_policies.allow(prometheus, each.end, each.port)}
    assert not closed
    ways = {way for caller, way in open_ways(cluster.rendering.settings) if caller == ends.PROMETHEUS}
    known = {(each.end, each.port.number) for each in read} | {(API_SERVER, 443)}  # its Service's own port
    unread = {
        f"{way.callee.name}:{port}"
        for way in ways
        for port in way.ports
        if known.isdisjoint((end, port) for end in ends_of(cluster, way.callee))
    }
    assert not unread


def test_what_loads_weights_reaches_the_hub_and_your_own_storage(cluster: Cluster) -> None:
    """Of the platform's own pods: cert-manager may also reach a public authority, and models have a namespace to themselves."""
    loads = {"code-assistant", "autoscaling-test", "download", "training-0", "training-1", "stage"}
    for name in (ends.INTERNET.name, ends.WEIGHTS.name):
        reach = {
            pod.name
            for pod in cluster.pods
            if pod.namespace in cluster.guarded - {Namespace.CERT_MANAGER}
            and pod.name != "stranger"
            and cluster.careful_policies.allow(pod, OUTSIDE[name], Port(443))
        }
        assert reach == loads, name


def policies(components: dict[str, bool] | None = None, **sections: Any) -> list[Object]:
    """Return the policies of a stack as its program writes them."""
    made = recorded(components, **sections).resources.values()
    return [each.inputs["spec"] for each in made if each.type.endswith(":NetworkPolicy")]


def test_without_a_component_there_is_no_way_to_it() -> None:
    text = str(policies({"langfuse": False, "models": False}))
    assert "langfuse" not in text
    assert "codeintel-models" not in text
    assert "codeintel-data" in text


def test_without_downloads_nothing_reaches_the_internet() -> None:
    def blocks(**network: object) -> set[str]:
        rules = (rule for spec in policies(network=network) for rule in spec.get("egress") or ())
        return {peer["ipBlock"]["cidr"] for rule in rules for peer in rule["to"] if "ipBlock" in peer}

    assert blocks() == set(PRIVATE)
    assert blocks(weights=["10.1.4.0/24"]) == {*PRIVATE, "10.1.4.0/24"}
    assert blocks(downloads=True) == {*PRIVATE, "0.0.0.0/0"}
