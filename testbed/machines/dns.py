"""CoreDNS as a pod behind the address that every kubelet configures in its pods."""

from testbed.build import binary
from testbed.kubernetes.api import Object
from testbed.kubernetes.simulated_nodes import GPU_TOLERATION
from testbed.kubernetes.workloads import RESTRICTED
from testbed.machines.images import Image
from testbed.machines.node import DNS

IMAGE = "dev.local/coredns:1"
SPACE = "kube-system"
PORT = 5353  # not 53: the pod runs unprivileged
COREFILE = f"""
.:{PORT} {{
    errors
    ready
    kubernetes cluster.local in-addr.arpa {{
        pods verified
    }}
    cache 5
}}
"""


def image() -> Image:
    """Return CoreDNS as an image."""
    return Image(IMAGE, {"coredns": binary("coredns")}, ["/coredns"])


def manifests(node: str) -> list[Object]:
    """Return CoreDNS's objects in the order in which to apply them; it runs on a node that is never powered off."""
    name = {"name": "coredns", "namespace": SPACE}
    labels = {"k8s-app": "kube-dns"}
    rbac = "rbac.authorization.k8s.io"
    listed = [
        {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
        {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]},
    ]
    role = {"apiGroup": rbac, "kind": "ClusterRole", "name": "coredns"}
    subjects = [{"kind": "ServiceAccount", **name}]
    ports = [
        {"name": protocol.lower(), "port": 53, "targetPort": PORT, "protocol": protocol} for protocol in ("UDP", "TCP")
    ]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": name},
        {"apiVersion": f"{rbac}/v1", "kind": "ClusterRole", "metadata": {"name": "coredns"}, "rules": listed},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": "coredns"},
            "roleRef": role,
            "subjects": subjects,
        },
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": name, "data": {"Corefile": COREFILE}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": SPACE, "labels": labels},
            "spec": {"clusterIP": DNS, "selector": labels, "ports": ports},
        },
        _deployment(labels, node),
    ]


def _deployment(labels: dict[str, str], node: str) -> Object:
    container = {
        "name": "coredns",
        "image": IMAGE,
        "args": ["-conf", "/etc/coredns/Corefile"],
        "readinessProbe": {"httpGet": {"path": "/ready", "port": 8181}, "periodSeconds": 1},
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": {**RESTRICTED, "readOnlyRootFilesystem": True},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/coredns"}],
    }
    spec = {
        "serviceAccountName": "coredns",
        "dnsPolicy": "Default",
        "tolerations": [GPU_TOLERATION],
        "nodeSelector": {"kubernetes.io/hostname": node},
        "containers": [container],
        "volumes": [{"name": "config", "configMap": {"name": "coredns"}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "coredns", "namespace": SPACE},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }
