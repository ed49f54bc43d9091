"""The whole platform and the order of its components: objects come after the controllers that handle them.

A namespace in which users create objects of a controller (TrainJobs, InferenceServices) depends on that controller:
a destroy deletes it first, with all that is in it, while the controller can still remove its finalizers.
"""

from collections.abc import Callable

import pulumi

from infra.pulumi import names
from infra.pulumi.components.assistant import Assistant
from infra.pulumi.components.backups import Backups
from infra.pulumi.components.cert_manager import CertManager
from infra.pulumi.components.device_plugin import DevicePlugin
from infra.pulumi.components.drift import Drift
from infra.pulumi.components.gpu_node import GpuNode
from infra.pulumi.components.knative import Knative
from infra.pulumi.components.kserve import KServe
from infra.pulumi.components.langfuse import Langfuse
from infra.pulumi.components.learning import Learning
from infra.pulumi.components.mlflow import MLflow
from infra.pulumi.components.models import Models
from infra.pulumi.components.object_store import ObjectStore
from infra.pulumi.components.observability import Boards, Monitors, Observability
from infra.pulumi.components.pipelines import Pipelines
from infra.pulumi.components.postgres import Postgres
from infra.pulumi.components.qdrant import Qdrant
from infra.pulumi.components.trainer import CodeRuntime, Trainer
from infra.pulumi.names import Namespace
from infra.pulumi.parts.namespace import GuardedNamespace, Level
from infra.pulumi.parts.site import Site
from infra.pulumi.parts.traffic import Peer, TrafficRules, allow
from infra.pulumi.settings import Settings

Controller = Callable[[Site, pulumi.ResourceOptions], pulumi.ComponentResource]

# In this order: each after those that it depends on.
CONTROLLERS: dict[str, tuple[Controller, tuple[str, ...]]] = {
    "gpu_node": (GpuNode, ()),
    "device_plugin": (DevicePlugin, ("gpu_node",)),
    "cert_manager": (CertManager, ()),
    "knative": (Knative, ()),
    "kserve": (KServe, ("cert_manager", "knative")),
    "trainer": (Trainer, ()),
    "observability": (Observability, ("gpu_node", "device_plugin")),
    "pipelines": (Pipelines, ()),
}


def build(settings: Settings) -> None:
    """Register the platform that the settings describe, and export its addresses."""
    site = Site(settings)
    for name, need in settings.components.left_out().items():
        pulumi.log.warn(f"{name} is left out: it needs {need}, which is off")
    gates = GuardedNamespace(site, Namespace.GATES, "restricted")
    api = Peer(cidrs=settings.network.api_server, ports=(443, 6443))
    allow(site, Namespace.GATES, "gate", TrafficRules(out=[api]), pulumi.ResourceOptions(parent=gates))
    controllers = _controllers(site, gates)
    _data(site, controllers)
    _export(settings)


def _controllers(site: Site, gates: pulumi.Resource) -> dict[str, pulumi.Resource]:
    made: dict[str, pulumi.Resource] = {}
    for name, (component, needs) in CONTROLLERS.items():
        if site.settings.components.installs(name):
            after = [gates, *(made[need] for need in needs if need in made)]
            made[name] = component(site, pulumi.ResourceOptions(depends_on=after))
    return made


def _space(site: Site, name: str, level: Level, after: list[pulumi.Resource]) -> GuardedNamespace:
    space = GuardedNamespace(site, name, level, pulumi.ResourceOptions(depends_on=after))
    if site.settings.components.has("observability"):
        inside = pulumi.ResourceOptions(parent=space)
        allow(site, name, "monitored", TrafficRules(into=[Peer(Namespace.MONITORING)]), inside)
    return space


def _data(site: Site, made: dict[str, pulumi.Resource]) -> None:
    """Register our own objects: stores, then their clients, then models and the assistant."""
    parts = site.settings.components

    def after(*resources: pulumi.Resource | None) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(depends_on=[each for each in resources if each is not None])

    data = _space(site, Namespace.DATA, "restricted", [])
    postgres = Postgres(site, after(data)) if parts.has("postgres") else None
    objects = ObjectStore(site, after(data)) if parts.has("object_store") else None
    qdrant = Qdrant(site, after(data)) if parts.has("qdrant") else None
    mlflow = MLflow(site, after(postgres, objects)) if parts.has("mlflow") else None
    langfuse = None
    if parts.has("langfuse") and postgres and objects:
        langfuse = Langfuse(site, postgres.secret, objects.secret, after(made.get("cert_manager"), postgres, objects))
    if parts.has("backups"):
        Backups(site, after(objects, postgres, qdrant))
    if parts.has("pipelines") and qdrant and mlflow:
        Learning(
            site, qdrant.secret, langfuse.secret if langfuse else None, after(made.get("pipelines"), qdrant, mlflow)
        )
    _users(site, made, qdrant, mlflow, langfuse, after)


def _users(
    site: Site,
    made: dict[str, pulumi.Resource],
    qdrant: Qdrant | None,
    mlflow: MLflow | None,
    langfuse: Langfuse | None,
    after: Callable[..., pulumi.ResourceOptions],
) -> None:
    parts, watching = site.settings.components, made.get("observability")
    space = _space(site, Namespace.ASSISTANT, "restricted", [made["trainer"]] if "trainer" in made else [])
    if parts.has("observability"):
        Boards(site, after(space, watching))
    if parts.has("trainer"):
        CodeRuntime(site, after(space))
    models: Models | None = None
    if parts.has("models"):
        served = [made[name] for name in ("kserve", "device_plugin") if name in made]
        models = Models(site, after(_space(site, Namespace.MODELS, "baseline", served)))
    assistant = None
    if parts.has("assistant") and qdrant:
        assistant = Assistant(site, qdrant.secret, langfuse.secret if langfuse else None, after(space, qdrant, models))
        if mlflow:
            Drift(site, after(assistant, mlflow))
    if parts.has("observability"):
        Monitors(site, after(watching, qdrant, models, assistant))


def _export(settings: Settings) -> None:
    """Export addresses, port-forward commands, and where the initial passwords are."""
    reached = {
        "assistant": (names.ASSISTANT, "assistant", names.ASSISTANT_KEY),
        "langfuse": (names.LANGFUSE, "langfuse", names.LANGFUSE_LOGIN),
        "grafana": (names.GRAFANA, "observability", names.GRAFANA_ADMIN),
        "mlflow": (names.MLFLOW, "mlflow", None),
        "pipelines": (names.PIPELINES, "pipelines", None),
        "qdrant": (names.QDRANT, "qdrant", names.QDRANT_KEY),
    }
    for name, (service, component, password) in reached.items():
        if not settings.components.installs(component):
            continue
        forward = (
            f"kubectl -n {service.namespace} port-forward svc/{service.name} {_local(service.port)}:{service.port}"
        )
        made = {"address": service.url, "reach": forward}
        if password:
            secret = f"kubectl -n {service.namespace} get secret {password.secret}"
            made["password"] = f"{secret} -o jsonpath='{{.data.{password.key}}}' | base64 -d"
        pulumi.export(name, made)


def _local(port: int) -> int:
    """Return the local port of a port-forward: ports below 1024 would need root."""
    return port if port >= 1024 else 8000 + port
