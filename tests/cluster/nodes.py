"""Nodes that are only promised: the scheduler places pods on them, KWOK keeps them Ready and calls the pods Running.

For what the scheduler and the controllers decide; nothing runs there. Real nodes are in tests/cluster/node.py.
"""

from pathlib import Path

from tests.cluster.api import Api, Object, condition
from tests.cluster.build import binary, module_folder
from tests.cluster.processes import Processes

MARK = {"kwok.x-k8s.io/node": "fake"}
GPU = "nvidia.com/gpu"
SLICES = 5  # that the card is offered as
STAGES = (  # what becomes of nodes and pods, as KWOK ships it
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-complete.yaml",
    "pod/fast/pod-delete.yaml",
)
ROOM = {"cpu": "32", "memory": "256Gi", "pods": "110"}
GPU_TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}
GPU_TOLERATION = {"key": GPU, "operator": "Exists", "effect": "NoSchedule"}


class PromisedNodes:
    """Adds nodes to a cluster and takes them away again."""

    def __init__(self, api: Api, folder: Path) -> None:
        self.api = api
        self.processes = Processes(folder)
        self.nodes: list[Object] = []

    def start(self) -> None:
        """Start KWOK, for the nodes that bear its mark and no other."""
        selector = ",".join(f"{name}={value}" for name, value in MARK.items())
        marked = f"--manage-nodes-with-annotation-selector={selector}"
        stages = module_folder("kwok", "sigs.k8s.io/kwok") / "kustomize" / "stage"
        configs = [f"--config={stages / name}" for name in STAGES]
        self.processes.start("kwok", binary("kwok"), f"--kubeconfig={self.api.kubeconfig}", marked, *configs)

    def add(self, name: str, slices: int = 0) -> Object:
        """Return a Ready node; with slices it is the GPU node, labelled and tainted as the platform's is."""
        room = {**ROOM, **({GPU: str(slices)} if slices else {})}
        labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": "amd64"}
        node = {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "annotations": MARK, "labels": labels},
            "spec": {},
            "status": {"capacity": room, "allocatable": room},
        }
        if slices:
            labels[f"{GPU}.present"] = "true"
            node["spec"] = {"taints": [GPU_TAINT]}
        self.nodes.append(node)
        self.api.create(node)
        ready: Object = self.api.wait(f"node {name}", lambda: self._ready(node))
        return ready

    def stop(self) -> None:
        """Remove the nodes and ends KWOK."""
        for node in self.nodes:
            self.api.delete(node)
        self.processes.stop()

    def _ready(self, node: Object) -> Object | None:
        self.processes.check()
        live = self.api.get(node) or {}
        tainted = any(
            taint["key"].startswith("node.kubernetes.io/") for taint in live.get("spec", {}).get("taints", [])
        )
        return live if condition(live, "Ready") == "True" and not tainted else None
