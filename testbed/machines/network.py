"""The network between the nodes of one test cluster: a bridge with addresses of its own, removed at the end."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from testbed.errors import ClusterError

MOST = 64
FILE = "network"


@dataclass(frozen=True)
class Network:
    """The addresses of one cluster; `number` distinguishes clusters on one machine."""

    number: int

    @property
    def bridge(self) -> str:
        """The bridge's name."""
        return f"codeintel{self.number}"

    @property
    def gateway(self) -> str:
        """The machine's address on the bridge, where the API server listens."""
        return f"10.89.{self.number}.1"

    @property
    def all_pods(self) -> str:
        """The range of all nodes' pods."""
        return f"10.{128 + self.number}.0.0/16"

    def cable(self, node: int) -> str:
        """Return the machine's end of a node's veth pair."""
        return f"{self.bridge}n{node}"

    def address(self, node: int) -> str:
        """Return a node's address; nodes are numbered from 1."""
        return f"10.89.{self.number}.{10 + node}"

    def pods(self, node: int) -> str:
        """Return the range of a node's pods."""
        return f"10.{128 + self.number}.{node}.0/24"


def lay_cable(folder: Path) -> Network:
    """Create a bridge that no other cluster uses. Raise ClusterError if this machine does not permit it."""
    for number in range(MOST):
        network = Network(number)
        done = subprocess.run(["ip", "link", "add", network.bridge, "type", "bridge"], capture_output=True, text=True)
        if done.returncode == 0:
            (folder / FILE).write_text(network.bridge)
            ip("address", "add", f"{network.gateway}/24", "dev", network.bridge)
            ip("link", "set", network.bridge, "up")
            return network
        if "File exists" not in done.stderr:
            raise ClusterError(
                f"no bridge can be made ({done.stderr.strip()})", "run as root, with the package iproute2"
            )
    raise ClusterError(f"all {MOST} bridges are taken", "remove those that `ip link` shows as codeintel…")


def remove_cable(folder: Path) -> None:
    """Remove a cluster's bridge and its nodes' links, wherever its run ended."""
    if (folder / FILE).is_file():
        bridge = (folder / FILE).read_text()
        cables = [each.name for each in Path("/sys/class/net").glob(f"{bridge}n*")]
        for name in (*cables, bridge):
            unplug(name)


def unplug(name: str) -> None:
    """Remove a link if it exists; the kernel may keep one for the connections of killed processes."""
    subprocess.run(["ip", "link", "delete", name], capture_output=True, check=False)


def ip(*arguments: str, namespace: int | None = None) -> None:
    """Run `ip`, in a process's network namespace if one is named."""
    inside = ["nsenter", f"--net=/proc/{namespace}/ns/net"] if namespace else []
    done = subprocess.run([*inside, "ip", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise ClusterError(f"`ip {' '.join(arguments)}` failed: {done.stderr.strip()}", "run as root")
