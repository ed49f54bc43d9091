"""Fixtures: a real Kubernetes, started once per run, or the one that KUBECONFIG_TEST names."""

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from ml.training.runtime import SLICES
from testbed.build import CACHE
from testbed.codeintel.serving_cluster import ServingCluster
from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.simulated_nodes import SimulatedNodes
from testbed.machines.network import remove_cable
from testbed.machines.real_cluster import RealCluster
from testbed.processes import run_folder
from tests.support.mirror import mirror, renderer

__all__ = ["mirror", "renderer"]

Namespace = Callable[..., str]
Cluster = TypeVar("Cluster", RealCluster, ServingCluster)


def given_kubeconfig() -> Path | None:
    """Return the kubeconfig of the user's own cluster, or None if the tests start one."""
    given = os.environ.get("KUBECONFIG_TEST")
    return Path(given) if given else None


def run_of(session: pytest.Session) -> AbstractContextManager[Path]:
    """Yield a folder for files and logs, which is kept until the next run if a test failed."""
    return run_folder(CACHE / "runs", lambda: session.testsfailed > 0, remove_cable)


@contextmanager
def started(kind: Callable[[Path], Cluster], session: pytest.Session) -> Iterator[Cluster]:
    """Start a cluster with nodes of its own, and stop it at the end."""
    with run_of(session) as folder:
        cluster = kind(folder)
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture(scope="session")
def folder(request: pytest.FixtureRequest) -> Iterator[Path]:
    """Yield the folder of this run's files and logs."""
    with run_of(request.session) as folder:
        yield folder


@pytest.fixture(scope="session")
def kubeconfig(folder: Path) -> Iterator[Path]:
    if given := given_kubeconfig():
        Api(given).version()
        yield given
        return
    plane = ControlPlane(folder)
    try:
        plane.start()
        yield plane.kubeconfig
    finally:
        plane.stop()


@pytest.fixture(scope="session")
def api(kubeconfig: Path) -> Api:
    return Api(kubeconfig)


@pytest.fixture(scope="session")
def nodes(api: Api, folder: Path) -> Iterator[SimulatedNodes]:
    """Create two fake nodes: one GPU node with five slices, and one without a GPU."""
    nodes = SimulatedNodes(api, folder)
    try:
        nodes.start()
        nodes.add("promised-gpu", slices=SLICES)
        nodes.add("promised-cpu")
        yield nodes
    finally:
        nodes.stop()


@pytest.fixture(scope="session")
def serving(request: pytest.FixtureRequest) -> Iterator[ServingCluster]:
    """Yield real nodes that serve models and train them, started for the first test that needs them."""
    if given_kubeconfig():
        pytest.skip("nodes lose their power only where they were started here, without KUBECONFIG_TEST")
    with started(ServingCluster, request.session) as cluster:
        yield cluster


@pytest.fixture
def namespace(api: Api) -> Iterator[Namespace]:
    """Yield a function that creates labelled namespaces, and remove them at the end."""
    made: list[Object] = []
    numbers = itertools.count()

    def make(labels: dict[str, str] | None = None) -> str:
        name = f"test-{os.getpid()}-{os.urandom(3).hex()}-{next(numbers)}"
        metadata = {"name": name, "labels": labels or {}}
        made.append(api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
        account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": name}}
        api.wait("the namespace's service account", lambda: api.get(account))
        return name

    yield make
    for each in made:
        api.delete(each, propagation="Background")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print which tests were skipped, and why."""
    for report in terminalreporter.stats.get("skipped", []):
        terminalreporter.write_line(f"skipped: {report.nodeid}: {report.longrepr[2]}")
