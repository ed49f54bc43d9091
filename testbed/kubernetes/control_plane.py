"""A control plane of plain processes: etcd, kube-apiserver, kube-controller-manager and kube-scheduler.

Settings and their reasons: RBAC and service-account tokens as in any cluster; the default admission plugins
(Pod Security is one of them); etcd without fsync, because nothing has to survive.
"""

import http.client
import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from testbed.build import binary
from testbed.kubernetes.certificates import Authority
from testbed.processes import Processes

SERVICES = "10.96.0.0/16"
NOWHERE = "192.0.2.1"  # reserved for documentation (RFC 5737): the service address where there are no real nodes


@dataclass
class ControlPlane:
    """The control plane's processes, in `folder`.

    `address` is the API server's for real nodes, if any; a node that is silent for `patience` seconds is lost.
    """

    folder: Path
    address: str = NOWHERE
    patience: int = 10
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.processes = Processes(self.folder)
        self.authority = Authority(self.folder / "certificates")
        self.ports = {name: _free_port() for name in ("etcd", "peer", "api", "controllers", "scheduler")}
        self.server = f"https://127.0.0.1:{self.ports['api']}"
        self.kubeconfig = self.authority.kubeconfig(self.server, "admin", "system:masters")

    def start(self) -> None:
        """Start the four and wait until each is ready. Raise ClusterError with the end of a log."""
        programs = {
            name: binary(name) for name in ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
        }
        self.processes.start("etcd", programs["etcd"], *self._etcd())
        self.processes.start("kube-apiserver", programs["kube-apiserver"], *self._api_server())
        self.processes.wait(lambda: self._answers("api", "/readyz"), "the API server")
        self.processes.start("kube-controller-manager", programs["kube-controller-manager"], *self._controllers())
        self.processes.start("kube-scheduler", programs["kube-scheduler"], *self._scheduler())
        for name in ("controllers", "scheduler"):
            self.processes.wait(lambda name=name: self._answers(name, "/healthz"), f"the {name}")  # type: ignore[misc]

    def stop(self) -> None:
        """Kill all of them."""
        self.processes.stop()

    def _etcd(self) -> list[str]:
        client, peer = (f"http://127.0.0.1:{self.ports[name]}" for name in ("etcd", "peer"))
        return [
            f"--data-dir={self.folder / 'etcd'}",
            f"--listen-client-urls={client}",
            f"--advertise-client-urls={client}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _api_server(self) -> list[str]:
        names = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", "127.0.0.1", "10.96.0.1")
        serving = self.authority.issue("kube-apiserver", hosts=(*names, self.address))
        kubelet = self.authority.issue("kube-apiserver-kubelet-client", "system:masters")
        tokens = self.authority.token_key()
        return [
            f"--etcd-servers=http://127.0.0.1:{self.ports['etcd']}",
            f"--bind-address={'127.0.0.1' if self.address == NOWHERE else '0.0.0.0'}",
            f"--secure-port={self.ports['api']}",
            f"--advertise-address={self.address}",
            f"--service-cluster-ip-range={SERVICES}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged",
            "--enable-aggregator-routing",
            "--kubelet-preferred-address-types=InternalIP",
            "--default-not-ready-toleration-seconds=5",
            "--default-unreachable-toleration-seconds=5",
            f"--client-ca-file={self.authority.pair.certificate}",
            f"--tls-cert-file={serving.certificate}",
            f"--tls-private-key-file={serving.key}",
            f"--kubelet-client-certificate={kubelet.certificate}",
            f"--kubelet-client-key={kubelet.key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={tokens.certificate}",
            f"--service-account-signing-key-file={tokens.key}",
        ]

    def _controllers(self) -> list[str]:
        return [
            *self._client("system:kube-controller-manager", "controllers"),
            f"--service-account-private-key-file={self.authority.folder / 'tokens.key'}",
            f"--root-ca-file={self.authority.pair.certificate}",
            f"--cluster-signing-cert-file={self.authority.pair.certificate}",
            f"--cluster-signing-key-file={self.authority.pair.key}",
            "--use-service-account-credentials",
            "--node-monitor-period=1s",
            f"--node-monitor-grace-period={self.patience}s",
            "--concurrent-namespace-syncs=20",
            "--kube-api-qps=200",
            "--kube-api-burst=400",
        ]

    def _scheduler(self) -> list[str]:
        return [*self._client("system:kube-scheduler", "scheduler"), "--kube-api-qps=200", "--kube-api-burst=400"]

    def _client(self, user: str, port: str) -> list[str]:
        config = self.authority.kubeconfig(self.server, user)
        return [
            f"--kubeconfig={config}",
            f"--authentication-kubeconfig={config}",
            f"--authorization-kubeconfig={config}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self.ports[port]}",
            "--leader-elect=false",
        ]

    def _answers(self, name: str, path: str) -> bool:
        """Return whether a server is healthy; its certificate may be self-signed."""
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", self.ports[name], timeout=5, context=context)
        try:
            connection.request("GET", path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])
