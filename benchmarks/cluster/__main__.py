"""Times the test cluster: its start, a program of many objects on it, the same again, its end; and real nodes.

python -m benchmarks.cluster [--namespaces 20] [--nodes]
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
import pulumi_kubernetes as k8s

from tests.cluster.api import Api, Object
from tests.cluster.build import CACHE, PARTS, build
from tests.cluster.control_plane import ControlPlane
from tests.cluster.network import remove_cable
from tests.cluster.processes import run_folder
from tests.cluster.pulumi_double import Double
from tests.cluster.real_cluster import RealCluster


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Prints how long its body takes."""
    start = time.perf_counter()
    yield
    click.echo(f"{what:<50} {time.perf_counter() - start:7.2f} s")


def program(namespaces: int) -> Callable[[], None]:
    """Gives a program of five objects a namespace."""

    def run() -> None:
        for number in range(namespaces):
            space = k8s.core.v1.Namespace(
                f"s{number}", metadata={"name": f"bench-{number}", "labels": {"tier": "test"}}
            )
            inside = k8s.meta.v1.ObjectMetaArgs(namespace=space.metadata["name"], name="thing")
            k8s.core.v1.ServiceAccount(f"a{number}", metadata=inside)
            k8s.core.v1.ConfigMap(f"m{number}", metadata=inside, data={"key": "value"})
            ports = [k8s.core.v1.ServicePortArgs(port=80)]
            k8s.core.v1.Service(f"e{number}", metadata=inside, spec=k8s.core.v1.ServiceSpecArgs(ports=ports))
            policy = k8s.networking.v1.NetworkPolicySpecArgs(
                pod_selector=k8s.meta.v1.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]
            )
            k8s.networking.v1.NetworkPolicy(f"n{number}", metadata=inside, spec=policy)

    return run


def control_plane(namespaces: int) -> None:
    """Times the control plane and a program on it."""
    with run_folder(CACHE / "runs", lambda: False, remove_cable) as folder:
        plane = ControlPlane(folder)
        with timed("control plane, from cached binaries to ready"):
            plane.start()
        try:
            double = Double(Api(plane.kubeconfig))
            with timed(f"a program of {5 * namespaces} objects"):
                first = double.up(program(namespaces)).objects
            with timed("the same again"):
                again = double.up(program(namespaces)).objects
            changed = len({version(each) for each in first} ^ {version(each) for each in again}) // 2
            click.echo(f"{'objects that the second run changed':<50} {changed:7}")
            with timed("destroy, until the last is gone"):
                double.destroy()
        finally:
            plane.stop()


def version(thing: Object) -> tuple[str, str]:
    """Gives what an object is and which of its states."""
    return thing["metadata"]["uid"], thing["metadata"]["resourceVersion"]


def nodes() -> None:
    """Times a cluster of two real nodes."""
    with run_folder(CACHE / "runs", lambda: False, remove_cable) as folder:
        cluster = RealCluster(folder)
        try:
            with timed("two real nodes, CoreDNS and the device plugin"):
                cluster.start()
        finally:
            cluster.stop()


@click.command(help=__doc__)
@click.option("--namespaces", default=20, show_default=True, help="Five objects each.")
@click.option("--nodes", "with_nodes", is_flag=True, help="Also start two real nodes (root).")
def main(namespaces: int, with_nodes: bool) -> None:
    """Builds what is not built yet, outside of the times."""
    for name in ("etcd", "control-plane", *(("node", "coredns") if with_nodes else ())):
        build(PARTS[name])
    control_plane(namespaces)
    if with_nodes:
        nodes()


if __name__ == "__main__":
    main()
