"""A real node: containerd, kubelet and kube-proxy in network, mount and PID namespaces, without Docker.

Whatever runs on the node is a child of its first process; killing that one is a power cut, after which only the node's
disk (images, volumes) is left. Reasons for the settings: swap and disk are not accounted for, because
the machine is not ours; the cgroup hierarchy is the machine's, v1 or v2; `restrict_oom_score_adj`, because a
sandboxed root may not lower it.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from testbed.build import binary
from testbed.errors import ClusterError
from testbed.kubernetes.api import Api, Object, condition
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.simulated_nodes import GPU
from testbed.machines.images import PAUSE
from testbed.machines.network import Network, ip, unplug
from testbed.processes import Processes

PACKAGES = {
    "containerd": "containerd",
    "runc": "runc",
    "ip": "iproute2",
    "nft": "nftables",
    "busybox": "busybox-static",
    "nsenter": "util-linux",
}
KUBELET_SOCKET = "var/lib/kubelet/device-plugins/kubelet.sock"
PLUGINS = Path("/usr/lib/cni")
DNS = "10.96.0.10"
DISK = ("containerd", "kubelet", "cni", "log")  # what survives a power cut
BOOT = """
mount --make-rshared /
mount -t tmpfs tmpfs /run && mkdir -p /run/netns
mkdir -p /var/lib/containerd /var/lib/kubelet /var/lib/cni /var/log/pods
mount --bind "$0/containerd" /var/lib/containerd
mount --bind "$0/kubelet" /var/lib/kubelet
mount --bind "$0/cni" /var/lib/cni
mount --bind "$0/log" /var/log/pods
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
touch /run/booted
while sleep 5; do :; done
"""


@dataclass
class Node:
    """One node of a cluster; nodes are numbered from 1."""

    number: int
    name: str
    plane: ControlPlane
    network: Network
    slices: bool = False
    processes: Processes = field(init=False)

    def __post_init__(self) -> None:
        self.folder = self.plane.folder / self.name
        self.processes = Processes(self.folder)
        self.address = self.network.address(self.number)

    def power_on(self, peers: tuple[int, ...]) -> None:
        """Boot the node up to containerd, with routes to its peers."""
        for name in DISK:
            (self.folder / name).mkdir(exist_ok=True)
        self._boot()
        self._connect(peers)
        self._write_settings()
        self.run("containerd", "containerd", "--config", self.folder / "containerd.toml")

    def serve(self, images: Iterable[Path] = ()) -> None:
        """Import images from archives and join the cluster; `ready` tells when it has."""
        self.processes.wait(lambda: self._answers("version"), f"containerd on {self.name}")
        for image in images:
            self._ctr("images", "import", str(image))
        (self.root / KUBELET_SOCKET).unlink(missing_ok=True)  # stale since a power cut
        self.run("kubelet", binary("kubelet"), *self._kubelet())
        self.run("kube-proxy", binary("kube-proxy"), f"--config={self.folder / 'proxy.yaml'}")

    def ready(self, api: Api) -> bool:
        """Whether the cluster reports the node as ready."""
        self.processes.check()
        node = api.get({"apiVersion": "v1", "kind": "Node", "metadata": {"name": self.name}}) or {}
        return condition(node, "Ready") == "True"

    def cut_power(self) -> None:
        """Kill everything on the node at once; `power_on` and `serve` bring it back with its disk."""
        self.processes.stop()
        unplug(self.network.cable(self.number))

    @property
    def root(self) -> Path:
        """The node's files as its own processes see them."""
        return Path(f"/proc/{self.pid}/root")

    @property
    def pid(self) -> int:
        """The node's first process."""
        parent = self.processes.running["power"].pid
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        return int(children[0]) if children else 0

    def _boot(self) -> None:
        namespaces = ["--mount", "--net", "--pid", "--fork", "--kill-child=KILL", "--mount-proc"]
        self.processes.start("power", "unshare", *namespaces, "bash", "-euc", BOOT, self.folder)
        self.processes.wait(lambda: self.pid > 0 and (self.root / "run/booted").exists(), f"node {self.name}")

    def _connect(self, peers: tuple[int, ...]) -> None:
        """Connect the node to the bridge, with routes to its pods on every node and the machine itself."""
        outside, inside = self.network.cable(self.number), self.pid
        ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", str(inside))
        ip("link", "set", outside, "master", self.network.bridge, "up")
        ip("address", "add", f"{self.address}/24", "dev", "eth0", namespace=inside)
        ip("link", "set", "eth0", "up", namespace=inside)
        ip("route", "add", "default", "via", self.network.gateway, namespace=inside)
        for peer in peers:
            ip("route", "add", self.network.pods(peer), "via", self.network.address(peer), namespace=inside)
        ip("route", "replace", self.network.pods(self.number), "via", self.address)

    def run(self, name: str, *command: str | Path) -> None:
        """Start a program on the node, which dies with its power."""
        self.processes.start(name, *command, before=("nsenter", f"--target={self.pid}", "--mount", "--net", "--pid"))

    def _ctr(self, *arguments: str) -> None:
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--net", "--pid"]
        done = subprocess.run([*enter, "ctr", "--namespace=k8s.io", *arguments], capture_output=True, text=True)
        if done.returncode:
            raise ClusterError(f"containerd: {done.stderr.strip()}", f"see {self.processes.logs}")

    def _answers(self, question: str) -> bool:
        try:
            self._ctr(question)
        except ClusterError:
            return False
        return True

    def _write_settings(self) -> None:
        (self.folder / "containerd.toml").write_text(_containerd(self.folder))
        self._write("net.d/pods.conflist", _pods_network(self.network.pods(self.number)))
        self._write("kubelet.yaml", self._kubelet_settings())
        self._write("proxy.yaml", self._proxy_settings())
        (self.folder / "resolv.conf").touch()

    def _write(self, name: str, content: Object) -> None:
        (self.folder / name).parent.mkdir(exist_ok=True)
        (self.folder / name).write_text(yaml.safe_dump(content) if name.endswith("yaml") else json.dumps(content))

    def _kubelet(self) -> list[str]:
        config = self.plane.authority.kubeconfig(self._server, f"system:node:{self.name}", "system:nodes")
        taint = [f"--register-with-taints={GPU}=present:NoSchedule"] if self.slices else []
        label = [f"--node-labels={GPU}.present=true"] if self.slices else []
        return [
            f"--config={self.folder / 'kubelet.yaml'}",
            f"--kubeconfig={config}",
            f"--node-ip={self.address}",
            f"--hostname-override={self.name}",
            *taint,
            *label,
        ]

    @property
    def _server(self) -> str:
        return f"https://{self.network.gateway}:{self.plane.ports['api']}"

    def _kubelet_settings(self) -> Object:
        serving = self.plane.authority.issue(f"{self.name}-kubelet", hosts=(self.name, self.address))
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self.plane.authority.pair.certificate)},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": str(serving.certificate),
            "tlsPrivateKeyFile": str(serving.key),
            "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
            "cgroupDriver": "cgroupfs",
            "cgroupsPerQOS": False,
            "enforceNodeAllocatable": [],
            "failCgroupV1": False,
            "failSwapOn": False,
            "localStorageCapacityIsolation": False,
            "imageGCHighThresholdPercent": 100,
            "evictionHard": {"memory.available": "50Mi"},
            "nodeStatusUpdateFrequency": "2s",
            "nodeLeaseDurationSeconds": 8,
            "clusterDNS": [DNS],
            "clusterDomain": "cluster.local",
            "resolvConf": str(self.folder / "resolv.conf"),
        }

    def _proxy_settings(self) -> Object:
        conntrack = {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"}
        config = self.plane.authority.kubeconfig(self._server, "system:kube-proxy")
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clusterCIDR": self.network.all_pods,
            "detectLocalMode": "ClusterCIDR",
            "hostnameOverride": self.name,
            "clientConnection": {"kubeconfig": str(config)},
            "conntrack": conntrack,
        }


def check_machine() -> None:
    """Raise ClusterError, with the command that installs it, if this machine lacks something that nodes need."""
    missing = [package for program, package in PACKAGES.items() if not shutil.which(program)]
    if not (PLUGINS / "bridge").exists():
        missing.append("containernetworking-plugins")
    if missing:
        cure = f"`apt-get install {' '.join(missing)}`"
        raise ClusterError(f"nodes need {', '.join(missing)}", cure)
    if os.geteuid():
        raise ClusterError("nodes need root", "run as root, or name a cluster that has nodes: KUBECONFIG_TEST=FILE")


def _containerd(folder: Path) -> str:
    cri = 'plugins."io.containerd.grpc.v1.cri"'
    return f"""
version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]
[{cri}]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
[{cri}.cni]
  bin_dir = "{PLUGINS}"
  conf_dir = "{folder / "net.d"}"
[{cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[{cri}.containerd.runtimes.nvidia]
  runtime_type = "io.containerd.runc.v2"
"""


def _pods_network(pods: str) -> Object:
    ranges = [[{"subnet": pods}]]
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "hairpinMode": True,
        "ipam": {"type": "host-local", "ranges": ranges, "routes": [{"dst": "0.0.0.0/0"}]},
    }
    return {"cniVersion": "0.4.0", "name": "pods", "plugins": [bridge]}
