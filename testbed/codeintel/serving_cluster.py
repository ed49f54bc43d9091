"""Real nodes that serve models: Knative with Traefik, KServe, Prometheus, and the platform's runtime.

Three nodes: `gpu` with five slices, `node-2`, which is never powered off and runs the controllers, and `node-3`.
"""

from dataclasses import dataclass, field
from pathlib import Path

from testbed.codeintel import assistant, stores, training
from testbed.codeintel.models import Models, priorities, runtime, weights
from testbed.codeintel.written import SPACES, written
from testbed.controllers import ingress, knative, kserve, prometheus, trainer
from testbed.kubernetes.api import Api
from testbed.machines import python_image
from testbed.machines.node import Node
from testbed.machines.real_cluster import RealCluster

STEADY = "node-2"


@dataclass
class ServingCluster:
    """A serving cluster in `folder`."""

    folder: Path
    cluster: RealCluster = field(init=False)

    def start(self) -> None:
        """Start it, until models can be applied."""
        control = (*knative.images(*knative.PROGRAMS), kserve.image(), *trainer.images())
        control += (*prometheus.images(), *stores.images())
        self.cluster = RealCluster(
            self.folder, 3, (python_image.image(), *knative.images(knative.SIDECAR)), STEADY, control
        )
        self.cluster.start()
        knative.install(self.api, STEADY)
        self.models = Models(self.api, ingress.start(self.api, self.node(STEADY)))
        kserve.install(self.api, STEADY, self.cluster.plane.authority)
        spaces = [written("Namespace", name) for name in SPACES]
        for thing in (*spaces, *priorities(), *weights(), runtime()):
            self.api.apply(thing)

    def bring_assistants(self) -> str:
        """Deploy the stores, an assistant to each node without a card, and Prometheus; return the assistants' address."""
        stores.apply(self.api, self.node(STEADY))
        nodes = [node for node in self.cluster.nodes if not node.slices]
        everyone = assistant.apply(self.api, nodes)
        self.prometheus = prometheus.start(self.api, self.node(STEADY), *SPACES)
        self.api.wait("the assistants", lambda: stores.ready(self.api, everyone) == len(nodes))
        return assistant.address(self.api, self.node(STEADY))

    def bring_trainer(self) -> Path:
        """Deploy Trainer with JobSet, and the platform's runtime on the GPU node; return the jobs' folder."""
        trainer.install(self.api, STEADY)
        return training.apply(self.api, self.node("gpu"))

    def stop(self) -> None:
        """Stop it."""
        if hasattr(self, "cluster"):
            self.cluster.stop()

    @property
    def api(self) -> Api:
        """The cluster's API."""
        return self.cluster.api

    def node(self, name: str) -> Node:
        """Return a node by its name."""
        return next(node for node in self.cluster.nodes if node.name == name)
