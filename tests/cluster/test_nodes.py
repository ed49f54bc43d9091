"""Real nodes: pods run, reach each other through a Service, and the kubelet offers the device plugin's slices."""

from collections.abc import Iterator
from typing import Any

import pytest

from ml.training.runtime import SLICES
from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.simulated_nodes import GPU
from testbed.kubernetes.workloads import pod
from testbed.machines.images import SHELL
from testbed.machines.real_cluster import RealCluster
from tests.cluster.conftest import given_kubeconfig, started

SPACE = "default"

pytestmark = pytest.mark.skipif(
    given_kubeconfig() is not None, reason="nodes are started here only without KUBECONFIG_TEST"
)


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[RealCluster]:
    with started(RealCluster, request.session) as cluster:
        yield cluster


def running(api: Api, thing: Object, node: str = "", **container: Any) -> Object:
    """Create a pod and return the live object once it runs."""
    if node:
        thing["spec"]["nodeName"] = node
    api.create(thing)
    found: Object = api.wait(
        f"pod {thing['metadata']['name']}",
        lambda: (live := api.get(thing)) and live["status"].get("phase") == "Running" and live,
        90,
    )
    return found


def ended(api: Api, thing: Object) -> str:
    """Create a pod that runs to completion and return its output."""
    api.create({**thing, "spec": {**thing["spec"], "restartPolicy": "Never"}})
    done = ("Succeeded", "Failed")
    api.wait("the pod's end", lambda: (api.get(thing) or {})["status"].get("phase") in done, 90)
    return api.text(f"{api.path(thing)}/log")


def shell(name: str, script: str, slices: int = 0, tolerates: bool = True) -> Object:
    return pod(name, SPACE, slices, tolerates, image=SHELL, command=["/bin/sh", "-c", script])


def test_every_node_is_ready_and_the_gpu_node_offers_its_slices(cluster: RealCluster) -> None:
    nodes = {node["metadata"]["name"]: node for node in cluster.api.find("v1", "Node")}
    assert set(nodes) == {"gpu", "node-2"}
    cluster.api.wait("the slices", lambda: offered(cluster.api) == str(SLICES))
    assert GPU not in nodes["node-2"]["status"]["allocatable"]


def offered(api: Api) -> str:
    node = api.get({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "gpu"}}) or {}
    return str(node["status"]["allocatable"].get(GPU))


def test_a_pod_with_two_slices_gets_them(cluster: RealCluster) -> None:
    cluster.api.wait("the slices", lambda: offered(cluster.api) == str(SLICES))
    printed = ended(cluster.api, shell("two-slices", "echo card $NVIDIA_VISIBLE_DEVICES as $(id -u)", slices=2))
    assert printed.startswith("card 0")
    assert len(cluster.plugin.allocated[-1]) == 2


def test_a_broken_slice_is_no_longer_offered(cluster: RealCluster) -> None:
    cluster.plugin.set_health("slice-3", healthy=False)
    cluster.api.wait("four slices", lambda: offered(cluster.api) == str(SLICES - 1))
    cluster.plugin.set_health("slice-3", healthy=True)
    cluster.api.wait("five slices", lambda: offered(cluster.api) == str(SLICES))


def test_a_service_is_reachable_from_the_other_node(cluster: RealCluster) -> None:
    serve = "echo hello from $(cat /etc/hostname) >/tmp/index.html; httpd -f -p 8080 -h /tmp"
    running(cluster.api, shell("web", serve), node="gpu")
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": SPACE},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": 8080}]},
    }
    address = cluster.api.apply(service)["spec"]["clusterIP"]
    ask = rf"while ! printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 2 {address} 80; do sleep 0.5; done"
    client = shell("client", f"{ask}; nslookup web.default.svc.cluster.local", tolerates=False)
    printed = ended(cluster.api, client)
    assert "hello from web\n" in printed
    assert f"Address: {address}" in printed.replace("Address:\t", "Address: ")
    assert (cluster.api.get(client) or {})["spec"]["nodeName"] == "node-2"


def test_a_node_that_loses_power_is_noticed_and_comes_back(cluster: RealCluster) -> None:
    lost = cluster.nodes[1]
    lost.cut_power()
    thing = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": lost.name}}

    def unreachable() -> bool:
        taints = (cluster.api.get(thing) or {})["spec"].get("taints", [])
        return any(taint["key"] == "node.kubernetes.io/unreachable" for taint in taints)

    cluster.api.wait("the loss", unreachable, 60)
    cluster.bring_back(lost)
    cluster.api.wait("its return", lambda: lost.ready(cluster.api) and not unreachable(), 60)
