"""A cluster to install the whole platform on: a real control plane, and one simulated node like the one that Terraform makes.

Pods are scheduled and become ready, but nothing runs in them, except for the gates.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml.training.runtime import SLICES
from testbed.codeintel import gates
from testbed.codeintel.gates import Gates
from testbed.codeintel.node_size import room
from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.loop import Loop
from testbed.kubernetes.simulated_nodes import SimulatedNodes
from testbed.kubernetes.surroundings import LoadBalancer, Volumes
from testbed.kubernetes.webhooks import Webhooks

NODE = "gpu-1"
REFUSED = {"fieldSelector": "reason=FailedCreate"}
COUNTS = {  # where a workload says how many pods it wants, and how many it has
    "Deployment": ("replicas", "readyReplicas"),
    "ReplicaSet": ("replicas", "readyReplicas"),
    "StatefulSet": ("replicas", "readyReplicas"),
    "DaemonSet": ("desiredNumberScheduled", "numberReady"),
    "Job": ("completions", "succeeded"),
}


@contextmanager
def install_cluster(folder: Path) -> Iterator[Api]:
    """Start the cluster in a folder, and yield its client."""
    plane = ControlPlane(folder, patience=3600)  # no node is lost here, however busy the machine is
    try:
        plane.start()
        api = Api(plane.kubeconfig)
        with _node(api, plane, folder):
            yield api
    finally:
        plane.stop()


@contextmanager
def _node(api: Api, plane: ControlPlane, folder: Path) -> Iterator[None]:
    """Add the node and what a real cluster has around it."""
    nodes = SimulatedNodes(api, folder, run_elsewhere=gates.LABELS)
    webhooks = Webhooks(api, plane.authority, nodes.network)
    opened = Gates(api, plane.server, plane.authority.pair, folder / "gates")
    loop = Loop([Volumes(api).step, LoadBalancer(api).step, webhooks.step, opened.step])
    try:
        nodes.start()
        nodes.add(NODE, SLICES, room(), tainted=False)  # a node alone has to take every pod
        loop.start()
        yield
    finally:
        loop.stop()
        opened.stop()
        webhooks.stop()
        nodes.stop()


def troubles(api: Api) -> list[str]:
    """Return what does not run: workloads without all their pods, with the reason, and pods without a node."""
    return [*_incomplete(api), *_unscheduled(api)]


def _incomplete(api: Api) -> Iterator[str]:
    refused = {each["involvedObject"]["uid"]: each["message"] for each in api.find("v1", "Event", **REFUSED)}
    for kind, (wanted, ready) in COUNTS.items():
        for each in api.find("batch/v1" if kind == "Job" else "apps/v1", kind):
            counts = {**each["spec"], **each["status"]}
            if counts.get(wanted, 0) > counts.get(ready, 0):
                why = refused.get(each["metadata"]["uid"], "")
                yield f"{kind} {_name(each)}: {counts.get(ready, 0)} of {counts[wanted]} pods. {why}"


def _unscheduled(api: Api) -> Iterator[str]:
    for pod in api.find("v1", "Pod"):
        if not pod["spec"].get("nodeName"):
            conditions = pod["status"].get("conditions", ())
            yield f"Pod {_name(pod)}: {', '.join(each.get('message', '') for each in conditions) or 'has no node'}"


def _name(thing: Object) -> str:
    return f"{thing['metadata']['namespace']}/{thing['metadata']['name']}"
