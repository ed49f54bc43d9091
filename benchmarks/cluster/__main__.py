"""Time the test cluster: start, the platform's whole program, a second run, teardown; and real nodes.

python -m benchmarks.cluster [--nodes]
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import click

from testbed.build import CACHE, PARTS, build
from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.crds import arrivals
from testbed.machines.network import remove_cable
from testbed.machines.real_cluster import RealCluster
from testbed.processes import run_folder
from testbed.pulumi.double import Double
from tests.infra.recorder import program


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the block takes."""
    start = time.perf_counter()
    yield
    click.echo(f"{what:<50} {time.perf_counter() - start:7.2f} s")


def control_plane() -> None:
    """Time the control plane and the platform on it; of charts, only the definitions are installed."""
    with run_folder(CACHE / "runs", lambda: False, remove_cable) as folder:
        plane = ControlPlane(folder)
        with timed("control plane, from cached binaries to ready"):
            plane.start()
        try:
            platform(Double(Api(plane.kubeconfig), arrivals=arrivals()))
        finally:
            plane.stop()


def platform(double: Double) -> None:
    """Time the program of the stack `gpu` with every component."""
    whole = program(awaitReady=False)
    with timed("the platform's program, every component"):
        first = double.up(whole).objects
    click.echo(f"{'its objects':<50} {len(first):7}")
    with timed("the same again"):
        again = double.up(whole).objects
    changed = sum(version(one) != version(other) for one, other in zip(first, again, strict=True))
    click.echo(f"{'objects that the second run changed':<50} {changed:7}")
    with timed("destroy, until the last is gone"):
        double.destroy()


def version(thing: Object) -> tuple[object, ...]:
    """Return an object's identity and generation; a status written by a controller is not the program's change."""
    meta = thing["metadata"]
    return thing["kind"], meta["name"], meta.get("generation") or "status" in thing or meta["resourceVersion"]


def nodes() -> None:
    """Time a cluster of two real nodes."""
    with run_folder(CACHE / "runs", lambda: False, remove_cable) as folder:
        cluster = RealCluster(folder)
        try:
            with timed("two real nodes, CoreDNS and the device plugin"):
                cluster.start()
        finally:
            cluster.stop()


@click.command(help=__doc__)
@click.option("--nodes", "with_nodes", is_flag=True, help="Also start two real nodes (root).")
def main(with_nodes: bool) -> None:
    """Build what is missing, which is not timed, then measure."""
    for name in ("etcd", "control-plane", *(("node", "coredns") if with_nodes else ())):
        build(PARTS[name])
    control_plane()
    if with_nodes:
        nodes()


if __name__ == "__main__":
    main()
