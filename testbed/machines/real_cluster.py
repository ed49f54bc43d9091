"""A cluster of real nodes on this machine: a control plane, a network, and nodes of which the first has the GPU."""

from dataclasses import dataclass, field
from pathlib import Path

from ml.training.runtime import SLICES
from testbed.kubernetes.api import Api
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.simulated_nodes import GPU
from testbed.machines import dns
from testbed.machines.device_plugin import DevicePlugin
from testbed.machines.images import Image, archive, shell_images
from testbed.machines.network import lay_cable
from testbed.machines.node import Node, check_machine


@dataclass
class RealCluster:
    """A cluster in `folder`; every node has `images`; the node `steady` is never powered off and runs CoreDNS."""

    folder: Path
    size: int = 2
    images: tuple[Image, ...] = ()
    steady: str = "gpu"
    steady_images: tuple[Image, ...] = ()
    nodes: list[Node] = field(default_factory=list)

    def start(self) -> None:
        """Start it; afterwards every node is Ready, DNS works, and the GPU's slices are offered."""
        check_machine()
        network = lay_cable(self.folder)
        self.plane = ControlPlane(self.folder, network.gateway)
        self.plane.start()
        self.api = Api(self.plane.kubeconfig)
        for number in range(1, self.size + 1):
            name = "gpu" if number == 1 else f"node-{number}"
            self.nodes.append(Node(number, name, self.plane, network, slices=number == 1))
        for node in self.nodes:
            node.power_on(self._peers(node))
        self._serve()
        self.plugin = DevicePlugin(self.nodes[0], GPU, [f"slice-{number}" for number in range(SLICES)])
        for node in self.nodes:
            self.api.wait(f"node {node.name}", lambda node=node: node.ready(self.api), 120)  # type: ignore[misc]
        self.plugin.start()
        things = [self.api.apply(thing) for thing in dns.manifests(self.steady)]
        self.api.wait_for(things[-1], "Available")

    def bring_back(self, node: Node) -> None:
        """Power a node on again."""
        node.power_on(self._peers(node))
        node.serve()
        if node is self.nodes[0]:
            self.plugin.stop()
            self.plugin.start()

    def stop(self) -> None:
        """Power every node off."""
        if self.nodes:
            self.plugin.stop()
        for node in self.nodes:
            node.cut_power()
        self.plane.stop()

    def _serve(self) -> None:
        everywhere = self._archives(*shell_images(), *self.images)
        steady = self._archives(dns.image(), *self.steady_images)
        for node in self.nodes:
            node.serve([*everywhere, *(steady if node.name == self.steady else ())])
        for file in (*everywhere, *steady):
            file.unlink()

    def _archives(self, *images: Image) -> list[Path]:
        return [archive(image, self.folder / f"{image.name.replace('/', '-')}.tar") for image in images]

    def _peers(self, node: Node) -> tuple[int, ...]:
        return tuple(other.number for other in self.nodes if other is not node)
