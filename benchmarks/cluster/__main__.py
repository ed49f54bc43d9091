"""Time the test cluster: the whole platform by Pulumi's engine (up, a second up, destroy); and real nodes.

MIRROR=FOLDER python -m benchmarks.cluster [--nodes]
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from testbed.build import CACHE, PARTS, build
from testbed.codeintel.install_cluster import install_cluster
from testbed.machines.network import remove_cable
from testbed.machines.real_cluster import RealCluster
from testbed.processes import run_folder
from testbed.pulumi.engine import Stack
from testbed.pulumi.mirror import given_mirror, locked_by, prepared_mirror
from testbed.pulumi.rendered import stack_config


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Print how long the block takes."""
    start = time.perf_counter()
    yield
    tell(what, start)


def tell(what: str, start: float) -> None:
    """Print the seconds since a start."""
    click.echo(f"{what:<60} {time.perf_counter() - start:7.2f} s")


def platform(mirror: Path) -> None:
    """Time the stack `gpu` with every component, by Pulumi's engine and provider, from the charts of a mirror."""
    with prepared_mirror(mirror) as folder, locked_by(folder), run_folder(CACHE / "runs", lambda: False) as run:
        begun = time.perf_counter()
        with install_cluster(run) as api:
            tell("control plane and a simulated node, from cached binaries", begun)
            stack = Stack(run / "stack", api.kubeconfig)
            stack.configure({**stack_config("gpu"), "codeintel:mirror": {"folder": str(folder)}})
            for name in ("preview", "up", "up", "refresh", "destroy"):
                with timed(f"pulumi {name}"):
                    done = getattr(stack, name)()
                click.echo(f"  {', '.join(f'{number} {what}' for what, number in done.counts.items())}")


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
    programs = ("etcd", "control-plane", "kwok", "kubectl", "pulumi", "pulumi-kubernetes")
    for name in (*programs, *(("node", "coredns") if with_nodes else ())):
        build(PARTS[name])
    if mirror := given_mirror():
        platform(mirror)
    else:
        click.echo("the platform is not timed: MIRROR names no folder of charts", err=True)
    if with_nodes:
        nodes()


if __name__ == "__main__":
    main()
