"""Simulated nodes: the scheduler places pods on them, KWOK reports them as Ready and the pods as Running.

For decisions of the scheduler and controllers; nothing runs there. Real nodes: testbed/machines/node.py.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import yaml

from testbed.build import binary, module_folder
from testbed.kubernetes.api import Api, Object, condition
from testbed.processes import Processes

MARK = {"kwok.x-k8s.io/node": "fake"}
GPU = "nvidia.com/gpu"
STAGES = (  # KWOK's own stages of nodes and pods
    "node/fast/node-initialize.yaml",
    "node/heartbeat-with-lease/node-heartbeat-with-lease.yaml",
    "pod/fast/pod-ready.yaml",
    "pod/fast/pod-delete.yaml",
)
COMPLETES = "pod/fast/pod-complete.yaml"  # a Job's pod
ROOM = {"cpu": "32", "memory": "256Gi", "pods": "110"}
GPU_TAINT = {"key": GPU, "value": "present", "effect": "NoSchedule"}
GPU_TOLERATION = {"key": GPU, "operator": "Exists", "effect": "NoSchedule"}


class SimulatedNodes:
    """Adds nodes to a cluster and removes them. Jobs' pods complete, but for those of the labels `run_elsewhere`."""

    def __init__(self, api: Api, folder: Path, run_elsewhere: Mapping[str, str] | None = None) -> None:
        self.api, self.folder = api, folder
        self.processes = Processes(folder)
        self.run_elsewhere = run_elsewhere or {}
        self.nodes: list[Object] = []
        # Reserved for benchmarks (RFC 2544), and another piece of it for each run: webhooks.py listens at the pods' addresses.
        self.network = f"198.18.{os.getpid() % 16 * 16}.0/20"

    def start(self) -> None:
        """Start KWOK for the nodes with its annotation only."""
        selector = ",".join(f"{name}={value}" for name, value in MARK.items())
        marked = f"--manage-nodes-with-annotation-selector={selector}"
        stages = module_folder("kwok", "sigs.k8s.io/kwok") / "kustomize" / "stage"
        configs = [f"--config={each}" for each in (*(stages / name for name in STAGES), self._completes(stages))]
        cidr = f"--cidr={self.network}"
        self.processes.start("kwok", binary("kwok"), f"--kubeconfig={self.api.kubeconfig}", marked, cidr, *configs)

    def add(self, name: str, slices: int = 0, room: Mapping[str, str] = ROOM, tainted: bool = True) -> Object:
        """Add a Ready node; with slices it is the GPU node, labelled and tainted like the platform's."""
        room = {**room, **({GPU: str(slices)} if slices else {})}
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
        if slices and tainted:
            node["spec"] = {"taints": [GPU_TAINT]}
        self.nodes.append(node)
        self.api.create(node)
        ready: Object = self.api.wait(f"node {name}", lambda: self._ready(node))
        return ready

    def stop(self) -> None:
        """Remove the nodes and stop KWOK."""
        for node in self.nodes:
            self.api.delete(node)
        self.processes.stop()

    def _completes(self, stages: Path) -> Path:
        """Return the stage that completes Jobs' pods, without those that run elsewhere."""
        stage = yaml.safe_load((stages / COMPLETES).read_text())
        stage["spec"]["selector"]["matchExpressions"] += [
            {"key": f'.metadata.labels["{name}"]', "operator": "NotIn", "values": [value]}
            for name, value in self.run_elsewhere.items()
        ]
        own = self.folder / "pod-complete.yaml"
        own.write_text(yaml.safe_dump(stage))
        return own

    def _ready(self, node: Object) -> Object | None:
        self.processes.check()
        live = self.api.get(node) or {}
        tainted = any(
            taint["key"].startswith("node.kubernetes.io/") for taint in live.get("spec", {}).get("taints", [])
        )
        return live if condition(live, "Ready") == "True" and not tainted else None
