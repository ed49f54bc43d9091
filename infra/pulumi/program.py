"""The whole platform: the components of catalog.py, each made by its factory after those that it depends on."""

from collections.abc import Callable, Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.catalog import PARTS, SPACES, in_order
from infra.pulumi.components.assistant import Assistant
from infra.pulumi.components.backups import Backups
from infra.pulumi.components.card import Card, Window
from infra.pulumi.components.cert_manager import CertManager
from infra.pulumi.components.device_plugin import DevicePlugin
from infra.pulumi.components.drift import Drift
from infra.pulumi.components.gpu_node import GpuNode
from infra.pulumi.components.ingress import Ingress
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
from infra.pulumi.components.training import Training
from infra.pulumi.names import Namespace
from infra.pulumi.outputs import outputs
from infra.pulumi.parts.namespace import GuardedNamespace
from infra.pulumi.parts.site import Site
from infra.pulumi.settings import Settings

Made = Mapping[str, pulumi.ComponentResource]
Factory = Callable[[Site, Made, pulumi.ResourceOptions], pulumi.ComponentResource]


def _alone(component: Callable[[Site, pulumi.ResourceOptions], pulumi.ComponentResource]) -> Factory:
    """Return a factory of a component that takes nothing of the others."""
    return lambda site, _, opts: component(site, opts)


def _mlflow(site: Site, made: Made, opts: pulumi.ResourceOptions) -> MLflow:
    return MLflow(site, _secret(made, "postgres"), _secret(made, "object_store"), opts)


def _langfuse(site: Site, made: Made, opts: pulumi.ResourceOptions) -> Langfuse:
    return Langfuse(site, _secret(made, "postgres"), _secret(made, "object_store"), opts)


def _learning(site: Site, made: Made, opts: pulumi.ResourceOptions) -> Learning:
    return Learning(site, _secret(made, "qdrant"), _traces(made), opts)


def _assistant(site: Site, made: Made, opts: pulumi.ResourceOptions) -> Assistant:
    return Assistant(site, _secret(made, "qdrant"), _traces(made), opts)


def _secret(made: Made, name: str) -> k8s.core.v1.Secret:
    component = made[name]
    assert isinstance(component, Postgres | ObjectStore | Qdrant | Langfuse)  # noqa: S101  the table's needs say so
    return component.secret


def _traces(made: Made) -> k8s.core.v1.Secret | None:
    return _secret(made, "langfuse") if "langfuse" in made else None


FACTORIES: dict[str, Factory] = {
    "gpu_node": _alone(GpuNode),
    "card": _alone(Card),
    "device_plugin": _alone(DevicePlugin),
    "cert_manager": _alone(CertManager),
    "knative": _alone(Knative),
    "kserve": _alone(KServe),
    "trainer": _alone(Trainer),
    "observability": _alone(Observability),
    "pipelines": _alone(Pipelines),
    "postgres": _alone(Postgres),
    "object_store": _alone(ObjectStore),
    "qdrant": _alone(Qdrant),
    "mlflow": _mlflow,
    "langfuse": _langfuse,
    "backups": _alone(Backups),
    "learning": _learning,
    "boards": _alone(Boards),
    "code_runtime": _alone(CodeRuntime),
    "window": _alone(Window),
    "models": _alone(Models),
    "assistant": _assistant,
    "training": _alone(Training),
    "ingress": _alone(Ingress),
    "drift": _alone(Drift),
    "monitors": _alone(Monitors),
}


def build(settings: Settings, provider: k8s.Provider) -> None:
    """Register the platform that the settings describe with the cluster's provider, and export its addresses."""
    site = Site(settings)
    ours = pulumi.ResourceOptions(providers=[provider])
    for name, need in settings.components.left_out.items():
        pulumi.log.warn(f"{name} is left out: it needs {need}, which is off")
    gates = GuardedNamespace(site, Namespace.GATES, "restricted", ours)
    _components(site, gates, ours)
    for name, value in outputs(settings):
        pulumi.export(name, value)


def _components(site: Site, gates: pulumi.Resource, ours: pulumi.ResourceOptions) -> None:
    """Register each component after those that the catalog puts before it."""
    made: dict[str, pulumi.ComponentResource] = {}
    spaces: dict[str, pulumi.Resource] = {}
    for name in in_order():
        part = PARTS[name]
        if not site.settings.components.installs(name):
            continue
        first: list[pulumi.Resource] = [made[each] for each in (*part.needs, *part.after) if each in made]
        if part.space:
            spaces[part.space] = spaces.get(part.space) or _space(site, part.space, made, ours)
            first.append(spaces[part.space])
        if part.gated:
            first.append(gates)
        made[name] = FACTORIES[name](site, made, _after(ours, first))


def _space(site: Site, name: str, made: Made, ours: pulumi.ResourceOptions) -> GuardedNamespace:
    after = [made[each] for each in SPACES[name].after if each in made]
    return GuardedNamespace(site, name, SPACES[name].level, _after(ours, after))


def _after(ours: pulumi.ResourceOptions, first: Sequence[pulumi.Resource]) -> pulumi.ResourceOptions:
    return pulumi.ResourceOptions.merge(ours, pulumi.ResourceOptions(depends_on=first))
