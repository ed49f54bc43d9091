"""The real scheduler at work: five slices of one GPU, a taint, and a lock made of all five."""

from collections.abc import Iterator

import pytest

from ml.training.runtime import SLICES
from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.simulated_nodes import SimulatedNodes
from testbed.kubernetes.workloads import placed, pod, waits
from tests.cluster.conftest import Namespace

pytestmark = pytest.mark.usefixtures("nodes")


@pytest.fixture
def models(namespace: Namespace, api: Api) -> Iterator[str]:
    """Yield a namespace; remove its pods at the end to free their slices."""
    name = namespace()
    yield name
    for each in api.find("v1", "Pod", name):
        api.delete({"apiVersion": "v1", "kind": "Pod", **each})
    api.wait("free slices", lambda: not api.find("v1", "Pod", name))


def create_all(api: Api, *things: Object) -> list[Object]:
    return [api.create(thing) for thing in things]


def test_the_nodes_offer_what_the_platform_counts_on(api: Api, nodes: SimulatedNodes) -> None:
    gpu, plain = (api.get(node) for node in nodes.nodes)
    assert gpu
    assert plain
    assert gpu["status"]["allocatable"]["nvidia.com/gpu"] == str(SLICES)
    assert "nvidia.com/gpu" not in plain["status"]["allocatable"]


def test_five_small_pods_fit_and_the_sixth_waits(api: Api, models: str) -> None:
    small = create_all(api, *(pod(f"small-{number}", models, slices=1) for number in range(SLICES)))
    assert {placed(api, each) for each in small} == {"promised-gpu"}
    (sixth,) = create_all(api, pod("sixth", models, slices=1))
    assert "Insufficient nvidia.com/gpu" in waits(api, sixth)
    api.delete(small[0])
    assert placed(api, sixth) == "promised-gpu"


def test_the_production_model_keeps_the_autoscaling_test_out(api: Api, models: str) -> None:
    (production,) = create_all(api, pod("production", models, slices=SLICES))
    assert placed(api, production) == "promised-gpu"
    (small,) = create_all(api, pod("small", models, slices=1))
    assert "Insufficient nvidia.com/gpu" in waits(api, small)


def test_one_pod_of_the_autoscaling_test_keeps_the_production_model_out(api: Api, models: str) -> None:
    (small,) = create_all(api, pod("small", models, slices=1))
    assert placed(api, small) == "promised-gpu"
    (production,) = create_all(api, pod("production", models, slices=SLICES))
    assert "Insufficient nvidia.com/gpu" in waits(api, production)


def test_a_pod_without_the_toleration_stays_off_the_gpu_node(api: Api, models: str) -> None:
    (slice_wanted,) = create_all(api, pod("no-toleration", models, slices=1, tolerates=False))
    assert "untolerated taint" in waits(api, slice_wanted)
    plain = create_all(api, *(pod(f"plain-{number}", models, tolerates=False) for number in range(SLICES)))
    assert {placed(api, each) for each in plain} == {"promised-cpu"}
