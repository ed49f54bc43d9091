"""Real nodes that serve models: Knative with Traefik, KServe, Prometheus, and the platform's runtime.

Three nodes: `gpu` with five slices, `node-2`, which keeps its power and runs what the cluster itself needs, and `node-3`.
"""

from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import assistant, ingress, knative, kserve, prometheus, python_image, stores, trainer, training
from tests.cluster.api import Api
from tests.cluster.models import Models, runtime, weights
from tests.cluster.node import Node
from tests.cluster.real_cluster import RealCluster
from tests.cluster.written import SPACES, written

STEADY = "node-2"


@dataclass
class ServingCluster:
    """Starts in `folder`."""

    folder: Path
    cluster: RealCluster = field(init=False)

    def start(self) -> None:
        """Bring it up as far as models can be applied."""
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
        for thing in (*spaces, *weights(), runtime()):
            self.api.apply(thing)

    def bring_assistants(self) -> str:
        """Bring the stores, an assistant to each node without a card, and Prometheus; gives the assistants' address."""
        stores.apply(self.api, self.node(STEADY))
        nodes = [node for node in self.cluster.nodes if not node.slices]
        everyone = assistant.apply(self.api, nodes)
        self.prometheus = prometheus.start(self.api, self.node(STEADY), *SPACES)
        self.api.wait("the assistants", lambda: stores.ready(self.api, everyone) == len(nodes))
        return assistant.address(self.api, self.node(STEADY))

    def bring_trainer(self) -> Path:
        """Bring Trainer with JobSet, and the platform's runtime to the node with the card; gives the jobs' folder."""
        trainer.install(self.api, STEADY)
        return training.apply(self.api, self.node("gpu"))

    def stop(self) -> None:
        """End it."""
        if hasattr(self, "cluster"):
            self.cluster.stop()

    @property
    def api(self) -> Api:
        """The cluster's API."""
        return self.cluster.api

    def node(self, name: str) -> Node:
        """Return a node by its name."""
        return next(node for node in self.cluster.nodes if node.name == name)
