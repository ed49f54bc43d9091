"""Real nodes that serve models: Knative with Traefik, KServe's definitions and its double, and the platform's runtime.

Three nodes: `gpu` with five slices, `node-2`, which keeps its power and runs what the cluster itself needs, and `node-3`.
"""

from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster import ingress, knative, python_image
from tests.cluster.api import Api
from tests.cluster.crds import mirrored
from tests.cluster.kserve_double import KServeDouble
from tests.cluster.models import SPACE, Models, runtime
from tests.cluster.node import Node
from tests.cluster.real_cluster import RealCluster

STEADY = "node-2"


@dataclass
class ServingCluster:
    """Starts in `folder`; `definitions` is the folder of the charts' definitions."""

    folder: Path
    definitions: Path
    cluster: RealCluster = field(init=False)

    def start(self) -> None:
        """Brings it up as far as models can be applied."""
        control = knative.images(*knative.PROGRAMS)
        self.cluster = RealCluster(
            self.folder, 3, (python_image.image(), *knative.images(knative.SIDECAR)), STEADY, control
        )
        self.cluster.start()
        knative.install(self.api, STEADY)
        self.models = Models(self.api, ingress.start(self.api, self.node(STEADY)))
        self.double = KServeDouble(self.api)
        self._bring_kserve()
        self.api.apply(runtime())
        self.double.start()

    def stop(self) -> None:
        """Ends it."""
        if hasattr(self, "double"):
            self.double.stop()
        if hasattr(self, "cluster"):
            self.cluster.stop()

    @property
    def api(self) -> Api:
        """The cluster's API."""
        return self.cluster.api

    def node(self, name: str) -> Node:
        """Gives a node by its name."""
        return next(node for node in self.cluster.nodes if node.name == name)

    def _bring_kserve(self) -> None:
        self.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}})
        for thing in mirrored("kserve", self.definitions):
            self.api.apply(thing, force=True)
            self.api.wait_for(thing, "Established")
