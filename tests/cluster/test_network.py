"""The platform's own network policies on real nodes: what its pods need gets through, and what they do not need is stopped.

The pods are small stand-ins with the labels of the platform's pods. The policies are enforced by nftables.
"""

from collections.abc import Iterator

import pytest

from infra.pulumi.names import APP_LABEL, MLFLOW, OBJECTS, POSTGRES, QDRANT, Namespace, Service
from testbed.codeintel.written import written
from testbed.errors import ClusterError
from testbed.kubernetes.api import Object
from testbed.kubernetes.workloads import pod
from testbed.machines.firewall import enforce
from testbed.machines.images import SHELL
from testbed.machines.node import DNS
from testbed.machines.real_cluster import RealCluster
from testbed.pulumi.recorder import recorded
from tests.cluster.conftest import given_kubeconfig, started

SPACES = (Namespace.ASSISTANT, Namespace.DATA)
SERVERS = (QDRANT, POSTGRES, OBJECTS)
ELSEWHERE = "default"
OTHER_PORT = 9999

pytestmark = pytest.mark.skipif(
    given_kubeconfig() is not None, reason="nodes are started here only without KUBECONFIG_TEST"
)


@pytest.fixture(scope="module")
def cluster(request: pytest.FixtureRequest) -> Iterator[RealCluster]:
    made = [each.inputs for each in recorded().resources.values()]
    with started(RealCluster, request.session) as cluster:
        for thing in made:
            spaces = {thing.get("metadata", {}).get("namespace"), thing.get("metadata", {}).get("name")}
            if thing.get("kind") in ("Namespace", "NetworkPolicy") and spaces & set(SPACES):
                cluster.api.apply(thing)
        yield cluster


def shell(app: str, namespace: str, node: str, script: str) -> Object:
    thing = pod(app, namespace, image=SHELL, command=["/bin/sh", "-c", script])
    thing["metadata"]["labels"] = {APP_LABEL: app}
    thing["spec"]["nodeName"] = node
    return thing


def server(of: Service) -> Object:
    """Return a pod that answers on the service's port, and on one that nobody needs."""
    script = f"echo hello >/tmp/index.html; httpd -p {OTHER_PORT} -h /tmp; httpd -f -p {of.port} -h /tmp"
    return shell(of.name, of.namespace, "gpu", script)


def client(app: str, namespace: str, node: str, targets: dict[str, str]) -> Object:
    """Return a pod that tries each `HOST PORT` again and again, and prints a line for each round."""
    tries = "; ".join(
        f'if nc -w 2 {target} </dev/null >/dev/null 2>&1; then open="$open {name}"; fi'
        for name, target in targets.items()
    )
    names = f'if nslookup -type=a qdrant.codeintel-data.svc.cluster.local {DNS} >/dev/null 2>&1; then open="$open names"; fi'
    return shell(app, namespace, node, f"while true; do open=; {tries}; {names}; echo round: $open; sleep 1; done")


def running(cluster: RealCluster, thing: Object) -> Object:
    cluster.api.create(thing)
    return dict(
        cluster.api.wait(
            f"pod {thing['metadata']['name']}",
            lambda: (live := cluster.api.get(thing)) and live["status"].get("phase") == "Running" and live,
            120,
        )
    )


def last_round(cluster: RealCluster, thing: Object) -> set[str]:
    """Return what a client reached when it last tried everything."""
    log = cluster.api.text(f"{cluster.api.path(thing)}/log")
    rounds = [line for line in log.splitlines() if line.startswith("round:")]
    return set(rounds[-1].split()[1:]) if rounds else set()


def test_what_is_needed_gets_through_and_the_rest_is_stopped(cluster: RealCluster) -> None:
    api = cluster.api
    address = {of.name: running(cluster, server(of))["status"]["podIP"] for of in SERVERS}
    service = api.apply(written("Service", QDRANT.name, QDRANT.namespace))["spec"]["clusterIP"]
    targets = {of.name: f"{address[of.name]} {of.port}" for of in SERVERS}
    targets |= {"service": f"{service} {QDRANT.port}", "other": f"{address[QDRANT.name]} {OTHER_PORT}"}
    expected = {
        ("assistant", Namespace.ASSISTANT, "node-2"): {"names", "qdrant", "service"},
        (MLFLOW.name, Namespace.DATA, "node-2"): {"names", "postgres", "objects"},
        ("backup", Namespace.DATA, "node-2"): {"names", "qdrant", "service", "postgres", "objects"},
        ("indexer", Namespace.ASSISTANT, "gpu"): {"names", "qdrant", "service"},
        ("drift", Namespace.ASSISTANT, "node-2"): {"names"},
        ("stranger", ELSEWHERE, "node-2"): {"names"},
    }
    clients = {place: client(*place, targets) for place in expected}
    for thing in clients.values():
        running(cluster, thing)

    def reached() -> dict[tuple[str, str, str], set[str]]:
        return {place: last_round(cluster, thing) for place, thing in clients.items()}

    api.wait(
        "all to reach all without an enforcer", lambda: all(each == {*targets, "names"} for each in reached().values())
    )
    enforce(api, cluster.nodes)
    try:
        api.wait("each to reach what it needs alone", lambda: reached() == expected, 90)
    except ClusterError as error:
        raise AssertionError(f"reached: {reached()}") from error
