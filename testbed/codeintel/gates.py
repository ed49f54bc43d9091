"""The gates' pods, run for real although their nodes are simulated: kubectl as a process, with the pod's own rights.

Each container's arguments, files and service account are those of the pod, so a gate opens here when it would open
on a real cluster. The pod succeeds when its containers have; one that fails is started again, as a kubelet would do.
"""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from infra.pulumi.names import Namespace
from testbed.build import binary
from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.certificates import Pair
from testbed.processes import Processes

LABELS = {"app.kubernetes.io/name": "gate"}


@dataclass
class _Pod:
    """A gate's pod and how far it is: the process of its current container, and the containers after it."""

    kubeconfig: Path
    waiting: list[list[str]]
    process: subprocess.Popen[bytes] | None = None


class Gates:
    """Runs the gates' containers one after the other."""

    def __init__(self, api: Api, server: str, authority: Pair, folder: Path) -> None:
        self.api, self.server, self.authority, self.folder = api, server, authority, folder
        self.processes = Processes(folder)
        self.pods: dict[str, _Pod] = {}

    def step(self) -> None:
        """Start, watch and finish containers."""
        selector = ",".join(f"{name}={value}" for name, value in LABELS.items())
        for pod in self.api.find("v1", "Pod", Namespace.GATES, labelSelector=selector):
            if pod["status"].get("phase") == "Running" and "deletionTimestamp" not in pod["metadata"]:
                self._advance(pod)

    def stop(self) -> None:
        """End what still waits."""
        self.processes.stop()

    def _advance(self, pod: Object) -> None:
        name = pod["metadata"]["name"]
        if name not in self.pods:
            self.pods[name] = self._prepared(pod)
        here = self.pods[name]
        if here.process and here.process.poll() is None:
            return
        if here.process and here.process.returncode == 0:
            here.waiting.pop(0)
        if here.waiting:
            here.process = self.processes.start(
                name, binary("kubectl"), f"--kubeconfig={here.kubeconfig}", *here.waiting[0]
            )
        else:
            self.api.patch(pod, {"status": {"phase": "Succeeded"}}, "/status")

    def _prepared(self, pod: Object) -> _Pod:
        spec = pod["spec"]
        folder = self.folder / pod["metadata"]["name"]
        folder.mkdir()
        containers = [*spec.get("initContainers", ()), *spec["containers"]]
        return _Pod(self._kubeconfig(pod, folder), [list(self._arguments(pod, each, folder)) for each in containers])

    def _arguments(self, pod: Object, container: Object, folder: Path) -> Iterator[str]:
        """Yield a container's arguments; the folders of its ConfigMaps are here."""
        maps = {each["name"]: each["configMap"]["name"] for each in pod["spec"]["volumes"] if "configMap" in each}
        mounted = {each["mountPath"]: maps[each["name"]] for each in container["volumeMounts"] if each["name"] in maps}
        for argument in container["args"]:
            yield str(self._files(mounted[argument], folder)) if argument in mounted else argument

    def _files(self, name: str, folder: Path) -> Path:
        place = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": Namespace.GATES}}
        target = folder / name
        target.mkdir()
        for file, text in (self.api.get(place) or {})["data"].items():
            (target / file).write_text(text)
        return target

    def _kubeconfig(self, pod: Object, folder: Path) -> Path:
        """Return a kubeconfig with a token of the pod's service account."""
        account = {"name": pod["spec"]["serviceAccountName"], "namespace": Namespace.GATES}
        path = self.api.path({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
        request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
        token = self.api.request("POST", f"{path}/token", request)["status"]["token"]
        cluster = {"server": self.server, "certificate-authority": str(self.authority.certificate)}
        target = folder / "kubeconfig"
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "gate",
            "contexts": [
                {"name": "gate", "context": {"cluster": "gate", "user": "gate", "namespace": Namespace.GATES}}
            ],
            "clusters": [{"name": "gate", "cluster": cluster}],
            "users": [{"name": "gate", "user": {"token": token}}],
        }
        target.write_text(yaml.safe_dump(config))
        return target
