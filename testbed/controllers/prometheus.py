"""Prometheus as on the platform: the operator from its Go module reads our monitors and rules, and creates its pod.

Not here: the chart kube-prometheus-stack; its objects for the operator are below, with the platform's selectors.
"""

import json
from dataclasses import dataclass

from infra.pulumi.names import Namespace
from testbed.build import PARTS, build, module_folder
from testbed.codeintel.written import written_kinds
from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.workloads import rights
from testbed.machines.images import Image
from testbed.machines.node import Node

MODULE, PART = "github.com/prometheus-operator/prometheus-operator", "prometheus"
GROUP = "monitoring.coreos.com"
SPACE, NAME, POD = Namespace.MONITORING, "monitoring", "prometheus-monitoring-0"
SERVER, RELOADER = "dev.local/prometheus:1", "dev.local/prometheus-config-reloader:1"
WATCHED = ("PodMonitor", "PrometheusRule")
EVERYTHING = ("Selector", "NamespaceSelector")  # as the chart renders the values: tests/infra/test_rendered.py
OFTEN = {"scrapeInterval": "2s", "evaluationInterval": "2s"}
RULES = [
    {"apiGroups": [""], "resources": ["pods", "services", "endpoints"], "verbs": ["get", "list", "watch"]},
    {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["get", "list", "watch"]},
]


@dataclass(frozen=True)
class Prometheus:
    """The cluster's Prometheus, queried through the API server."""

    api: Api

    def ask(self, query: str) -> dict[str, float]:
        """Return the values of an expression by pod, or by alert. Raise ClusterError."""
        path = f"/api/v1/namespaces/{SPACE}/pods/{POD}:9090/proxy/api/v1/query"
        found = json.loads(self.api.text(path, query=query))["data"]["result"]
        return {_label(each["metric"]): float(each["value"][1]) for each in found}


def _label(metric: dict[str, str]) -> str:
    return metric.get("alertname") or metric.get("pod", "")


def images() -> tuple[Image, ...]:
    """Return the images of Prometheus and its config reloader."""
    folder = build(PARTS[PART])
    names = {SERVER: "prometheus", RELOADER: "prometheus-config-reloader"}
    return tuple(Image(image, {f"bin/{name}": folder / name}, [f"/bin/{name}"]) for image, name in names.items())


def kinds() -> list[Object]:
    """Return the operator's definitions from its module."""
    folder = module_folder(PART, MODULE) / "jsonnet" / "prometheus-operator"
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*-crd.json"))]


def start(api: Api, node: Node, *watching: str) -> Prometheus:
    """Start the operator on a node that is never powered off, and wait for its Prometheus.

    It uses the platform's monitors and rules in the namespaces `watching`, whose secrets must exist: the
    operator skips a monitor whose key it can't read, and does not retry.
    """
    for kind in kinds():
        api.apply(kind, force=True)
        api.wait_for(kind, "Established")
    pair = node.plane.authority.issue("prometheus-operator", "system:masters")
    node.run(
        "prometheus-operator",
        build(PARTS[PART]) / "operator",
        f"--apiserver=https://{node.network.gateway}:{node.plane.ports['api']}",
        f"--cert-file={pair.certificate}",
        f"--key-file={pair.key}",
        f"--ca-file={node.plane.authority.pair.certificate}",
        f"--prometheus-config-reloader={RELOADER}",
        "--config-reloader-cpu-limit=0",
        "--kubelet-endpoints=false",
    )
    for thing in (*written_kinds(WATCHED, watching), *manifests(node.name)):
        live = api.apply(thing)
    api.wait_for(live, "Available")
    return Prometheus(api)


def manifests(node: str) -> list[Object]:
    """Return what the chart would create for the operator: the Prometheus and its RBAC objects."""
    place = {"name": NAME, "namespace": SPACE}
    spec = {
        **{f"{kind}{what}": {} for kind in ("rule", "serviceMonitor", "podMonitor") for what in EVERYTHING},
        **OFTEN,
        "image": SERVER,
        "resources": {"requests": {"memory": "64Mi"}},
        "serviceAccountName": NAME,
        "nodeSelector": {"kubernetes.io/hostname": node},
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "fsGroup": 65532},
    }
    return [
        *rights(NAME, SPACE, RULES),
        {"apiVersion": f"{GROUP}/v1", "kind": "Prometheus", "metadata": place, "spec": spec},
    ]
