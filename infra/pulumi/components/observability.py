"""Prometheus, Grafana and the GPU's exporter, with our dashboards and alerts."""

import json
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s
import yaml

from infra.pulumi.names import (
    APP_LABEL,
    ASSISTANT,
    ASSISTANT_KEY,
    GPU,
    GPU_PRESENT,
    GRAFANA_ADMIN,
    QDRANT,
    QDRANT_READER,
    RUNTIME_CLASS,
    Namespace,
    SecretKey,
)
from infra.pulumi.parts.chart import release
from infra.pulumi.parts.custom import custom_object
from infra.pulumi.parts.gate import Gate
from infra.pulumi.parts.namespace import GuardedNamespace
from infra.pulumi.parts.secret import checksum, encoded, generated_secret, keys, secret
from infra.pulumi.parts.site import ROOT, Site
from infra.pulumi.receivers import alertmanager_config
from infra.pulumi.settings import in_bytes

API = "monitoring.coreos.com/v1"
KINDS = tuple(f"{kind}.monitoring.coreos.com" for kind in ("prometheusrules", "servicemonitors", "podmonitors"))
SAMPLE = {
    "apiVersion": API,
    "kind": "PrometheusRule",
    "metadata": {"name": "sample", "namespace": Namespace.GATES},
    "spec": {"groups": [{"name": "sample", "rules": [{"alert": "Sample", "expr": "vector(0) > 1"}]}]},
}
# k3s runs these in its own process, and kubeadm binds them to the loopback: their alerts would fire for ever.
NOT_SCRAPED = ("kubeControllerManager", "kubeScheduler", "kubeProxy", "kubeEtcd")
ALERTMANAGER_CONFIG, CONFIG = "alertmanager", "alertmanager.yaml"


class Observability(pulumi.ComponentResource):
    """Prometheus and Grafana, and the GPU exporter where there is a GPU."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Observability", "observability", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        # node-exporter reads the host's /proc and /sys.
        space = GuardedNamespace(site, Namespace.MONITORING, "privileged", mine)
        inside = pulumi.ResourceOptions(parent=self, depends_on=[space])
        login = generated_secret(
            site,
            Namespace.MONITORING,
            GRAFANA_ADMIN.secret,
            keys(GRAFANA_ADMIN.key),
            inside,
            rotation=site.settings.rotation.observability,
            fixed={"admin-user": "admin"},
        )
        config = {CONFIG: json.dumps(alertmanager_config(site.settings.alerts), indent=1)}  # YAML's subset
        routes = secret(site, Namespace.MONITORING, ALERTMANAGER_CONFIG, encoded(config), inside)
        after = pulumi.ResourceOptions(parent=self, depends_on=[space, login, routes])
        values = stack_values(site)
        values["grafana"]["podAnnotations"] = checksum([login])  # without a volume, it takes the password at each start
        stack = release(site, "kube-prometheus-stack", Namespace.MONITORING, values, after, name="monitoring")
        gate = Gate(site, "monitoring", KINDS, [SAMPLE], pulumi.ResourceOptions(parent=self, depends_on=[stack]))
        if site.settings.has_gpu:
            opened = pulumi.ResourceOptions(parent=self, depends_on=[gate])
            release(site, "dcgm-exporter", Namespace.MONITORING, exporter_values(), opened)
        self.register_outputs({})


class Boards(pulumi.ComponentResource):
    """Our dashboards and alerts from platform/, in our own namespace, where an existing Prometheus finds them too."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Boards", "boards", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        for file in sorted((ROOT / "platform" / "dashboards").glob("*.json")):
            board = json.dumps(json.loads(file.read_text()), separators=(",", ":"), ensure_ascii=False)
            k8s.core.v1.ConfigMap(
                f"dashboard-{file.stem}",
                metadata=site.meta(f"dashboard-{file.stem}", Namespace.ASSISTANT, {"grafana_dashboard": "1"}),
                data={file.name: board},
                opts=mine,
            )
        for file in sorted((ROOT / "platform" / "alerts").glob("*.yaml")):
            groups = alerts(site, file)
            if not groups:
                continue
            place = {"name": f"codeintel-{file.stem}", "namespace": Namespace.ASSISTANT}
            rule = {"apiVersion": API, "kind": "PrometheusRule", "metadata": place, "spec": {"groups": groups}}
            custom_object(site, rule, mine, f"alerts-{file.stem}")
        self.register_outputs({})


def alerts(site: Site, file: Path) -> list[dict[str, Any]]:
    """Return a file's rule groups, without those of components that the stack lacks: they would fire for ever."""
    groups = yaml.safe_load(file.read_text())["groups"]
    for group in groups:
        group["rules"] = [each for each in group["rules"] if site.settings.components.has(each["labels"]["component"])]
    return [group for group in groups if group["rules"]]


class Monitors(pulumi.ComponentResource):
    """ServiceMonitors and PodMonitors of our pods."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Monitors", "monitors", None, opts)
        for component, (service, labels, endpoint) in monitored().items():
            if site.settings.components.installs(component):
                place = {"name": component.replace("_", "-"), "namespace": service}
                spec = {"selector": {"matchLabels": labels}, "podMetricsEndpoints": [endpoint]}
                monitor = {"apiVersion": API, "kind": "PodMonitor", "metadata": place, "spec": spec}
                custom_object(site, monitor, pulumi.ResourceOptions(parent=self), f"{component}-monitor")
        self.register_outputs({})


def monitored() -> dict[str, tuple[str, dict[str, str], dict[str, Any]]]:
    """Return each component's namespace, pod labels and metrics endpoint."""

    def reads(key: SecretKey) -> dict[str, Any]:
        return {"authorization": {"type": "Bearer", "credentials": {"name": key.secret, "key": key.key}}}

    return {
        "assistant": (ASSISTANT.namespace, {APP_LABEL: ASSISTANT.name}, {"port": "http", **reads(ASSISTANT_KEY)}),
        "qdrant": (QDRANT.namespace, {APP_LABEL: QDRANT.name}, {"port": "http", **reads(QDRANT_READER)}),
        "models": (Namespace.MODELS, {"component": "predictor"}, {"portNumber": 8080}),
        # Its metrics carry the namespaces of the certificates.
        "cert_manager": (
            Namespace.CERT_MANAGER,
            {APP_LABEL: "cert-manager"},
            {"port": "http-metrics", "honorLabels": True},
        ),
    }


def stack_values(site: Site) -> dict[str, Any]:
    """Return the chart's values: all rules and monitors of the cluster are selected; no password is included."""
    small = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
    large = {"requests": {"cpu": "200m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "3Gi"}}
    host = site.settings.ingress.hosts.grafana
    return {
        "fullnameOverride": "monitoring",
        "prometheus": {"prometheusSpec": {**selects_everything(), **keeps(site), "resources": large}},
        "prometheusOperator": {"resources": small},
        "alertmanager": {"alertmanagerSpec": _alertmanager(site, small)},
        "kube-state-metrics": {"resources": small},
        "prometheus-node-exporter": {"resources": small},
        **{part: {"enabled": False} for part in NOT_SCRAPED},
        "grafana": {
            "admin": {"existingSecret": GRAFANA_ADMIN.secret},
            "resources": small,
            "sidecar": {"resources": small},
            "grafana.ini": {
                "analytics": {"reporting_enabled": False, "check_for_updates": False},
                **({"server": {"root_url": f"https://{host}"}} if host else {}),
            },
        },
    }


def selects_everything() -> dict[str, bool]:
    """Return the values that select every rule and monitor, and not only those with the release's label.

    An empty selector would not do: to the chart it is the same as none, and it puts the label in.
    """
    kinds = ("rule", "serviceMonitor", "podMonitor", "probe", "scrapeConfig")
    return {f"{kind}SelectorNilUsesHelmValues": False for kind in kinds}


def keeps(site: Site) -> dict[str, Any]:
    """Return the values that keep the metrics of thirty days on a volume, or as many as it holds."""
    size = site.settings.storage.metrics
    return {
        "retention": "30d",
        "retentionSize": f"{int(0.85 * in_bytes(size)) >> 20}MiB",  # the rest is for the write-ahead log
        "storageSpec": _volume(site, size),
    }


def _alertmanager(site: Site, resources: dict[str, Any]) -> dict[str, Any]:
    """Return Alertmanager's specification: our configuration, and a volume for silences and what was sent already."""
    return {
        "useExistingSecret": True,
        "configSecret": ALERTMANAGER_CONFIG,
        "storage": _volume(site, site.settings.storage.silences),
        "resources": resources,
    }


def _volume(site: Site, size: str) -> dict[str, Any]:
    """Return a volume of a size as the operator's objects ask for it."""
    claim: dict[str, Any] = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": size}}}
    if site.settings.storage.class_name:
        claim["storageClassName"] = site.settings.storage.class_name
    return {"volumeClaimTemplate": {"spec": claim}}


def exporter_values() -> dict[str, Any]:
    """Return the values of the GPU's exporter, which runs on GPU nodes only."""
    return {
        "runtimeClassName": RUNTIME_CLASS,
        "nodeSelector": {GPU_PRESENT: "true"},
        "tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
        "resources": {"requests": {"cpu": "50m", "memory": "256Mi"}, "limits": {"cpu": "500m", "memory": "1Gi"}},
    }
