"""Everything that `pulumi up` would create: our objects, and those of each chart, manifest and kustomization.

The program runs under the SDK's mocks; charts are rendered by Helm and kustomizations by kubectl, from a mirror's
folder. What controllers create afterwards is not here.
"""

import json
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from infra.pulumi.parts.site import ROOT
from infra.pulumi.settings import Settings, read_settings
from testbed.build import binary
from testbed.controllers.charts import render, template
from testbed.errors import ClusterError
from testbed.kubernetes.api import Object
from testbed.kubernetes.manifests import read_objects
from testbed.pulumi.mirror import locked_by
from testbed.pulumi.recorder import record, register
from testbed.pulumi.run import documents
from testbed.pulumi.state import MANIFESTS, Resource, State

RELEASE, KUSTOMIZE = "kubernetes:helm.sh/v3:Release", "kubernetes:kustomize/"
HOOK = "helm.sh/hook"
CLUSTER_SCOPED = {
    "APIService",
    "ClusterRole",
    "ClusterRoleBinding",
    "CSIDriver",
    "CustomResourceDefinition",
    "IngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
    "MutatingWebhookConfiguration",
    "Namespace",
    "Node",
    "PersistentVolume",
    "PriorityClass",
    "RuntimeClass",
    "StorageClass",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "ValidatingWebhookConfiguration",
}


@dataclass(frozen=True)
class Rendered:
    """An object, in its namespace, and the resource of the program that creates it."""

    thing: Object
    owner: Resource

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.thing["kind"])

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.thing["metadata"]["name"])

    @property
    def namespace(self) -> str:
        """Its namespace, empty for an object of the cluster."""
        return str(self.thing["metadata"].get("namespace", ""))

    @property
    def ours(self) -> bool:
        """Whether the program writes it itself."""
        return not is_foreign(self.owner)

    @property
    def patches(self) -> bool:
        """Whether it only changes an object that something else creates."""
        return self.owner.type.endswith("Patch")

    @property
    def hook(self) -> str:
        """The events of a release for which Helm creates it; empty for an object that stays."""
        return str((self.thing["metadata"].get("annotations") or {}).get(HOOK, ""))

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name} of {self.owner.name}"


@dataclass(frozen=True)
class Rendering:
    """A stack: its settings, what its program registers, and all objects that come of it."""

    settings: Settings
    state: State
    objects: tuple[Rendered, ...]

    def of(self, *kinds: str) -> Iterator[Rendered]:
        """Yield the objects of some kinds; patches of existing ones are left out."""
        return (each for each in self.objects if each.kind in kinds and not each.patches)

    @property
    def served(self) -> tuple[str, ...]:
        """The APIs that its definitions add to the cluster."""
        return tuple(_served(self.objects))

    @property
    def releases(self) -> list[Resource]:
        """The Helm releases."""
        return [each for each in self.state.resources.values() if each.type == RELEASE]


class Renderer:
    """Renders stacks from one mirror's folder, each once."""

    def __init__(self, mirror: Path) -> None:
        self.mirror = mirror
        self.known: dict[str, Rendering] = {}

    def stack(self, name: str) -> Rendering:
        """Return the stack of Pulumi.NAME.yaml."""
        return self.config(stack_config(name))

    def config(self, config: Mapping[str, Any]) -> Rendering:
        """Return the stack with a configuration: `codeintel:SECTION` → its settings."""
        text = json.dumps(config, sort_keys=True)
        if text not in self.known:
            self.known[text] = self._render(config)
        return self.known[text]

    def _render(self, config: Mapping[str, Any]) -> Rendering:
        whole = {**config, "codeintel:mirror": {**config.get("codeintel:mirror", {}), "folder": str(self.mirror)}}
        settings = read_settings({name: json.dumps(section) for name, section in whole.items()})
        with locked_by(self.mirror):
            state = record(lambda: register(settings))
        return Rendering(settings, state, tuple(_objects(state)))


def stack_config(name: str) -> dict[str, Any]:
    """Return the configuration in Pulumi.NAME.yaml."""
    config: dict[str, Any] = yaml.safe_load((ROOT / f"Pulumi.{name}.yaml").read_text())["config"]
    return config


def is_foreign(resource: Resource) -> bool:
    """Return whether a resource is a chart, a manifest or a kustomization of another project."""
    return resource.type.startswith((RELEASE, KUSTOMIZE, MANIFESTS))


def templated(release: Resource, values: Mapping[str, Any], served: Iterable[str] = ()) -> list[Object]:
    """Return the objects of a release with these values, as its chart makes them."""
    place, inputs = release.inputs["namespace"], release.inputs
    made: list[Object] = json.loads(_chart(inputs["chart"], place, inputs["name"], json.dumps(values), tuple(served)))
    return made


def template_of(release: Resource, values: Mapping[str, Any], served: Iterable[str]) -> str:
    """Return the text that a release's chart makes of these values, without definitions."""
    inputs = release.inputs
    return template(Path(inputs["chart"]), inputs["namespace"], values, inputs["name"], served)


def passed(release: Resource) -> dict[str, Any]:
    """Return the values that reach Helm: the SDK for Python drops nulls on the way."""
    values: dict[str, Any] = _without_nulls(release.inputs.get("values") or {})
    return values


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(each) for name, each in value.items() if each is not None}
    return [_without_nulls(each) for each in value] if isinstance(value, list) else value


@cache
def _chart(chart: str, namespace: str, name: str, values: str, served: tuple[str, ...]) -> str:
    return json.dumps(render(Path(chart), namespace, json.loads(values), name, served))


def _objects(state: State) -> Iterator[Rendered]:
    """Yield all objects, those of a chart after the definitions that it asks the cluster for."""
    order = TopologicalSorter({urn: each.needs & state.resources.keys() for urn, each in state.resources.items()})
    made: list[Rendered] = []
    for urn in order.static_order():
        resource = state.resources[urn]
        served = tuple(_served(made)) if resource.type == RELEASE else ()
        made += [Rendered(thing, resource) for thing in _made_by(resource, served)]
    cluster_scoped = CLUSTER_SCOPED | {
        each["spec"]["names"]["kind"] for each in _definitions(made) if each["spec"]["scope"] == "Cluster"
    }
    for each in made:
        if each.kind not in cluster_scoped:
            each.thing["metadata"].setdefault("namespace", each.owner.inputs.get("namespace", "default"))
        yield each


def _made_by(resource: Resource, served: tuple[str, ...]) -> list[Object]:
    if resource.type == RELEASE:
        return templated(resource, passed(resource), served)
    if resource.type.startswith(KUSTOMIZE):
        return kustomized(resource.inputs["directory"])
    if resource.type.startswith(MANIFESTS):
        return documents(resource.inputs)
    return [_own(resource)] if resource.type.startswith("kubernetes:") else []


def _own(resource: Resource) -> Object:
    thing = json.loads(json.dumps(resource.inputs))
    return {**thing, "kind": thing["kind"].removesuffix("Patch")}


@cache
def _kustomize(directory: str) -> str:
    command = [str(binary("kubectl")), "kustomize", directory]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise ClusterError(f"{directory} can't be built: {done.stderr.strip()[-500:]}", "mend platform/pipelines")
    return done.stdout


def kustomized(directory: str) -> list[Object]:
    """Return the objects of a kustomization's folder."""
    return read_objects(_kustomize(directory))


def _definitions(made: Iterable[Rendered]) -> Iterator[Object]:
    return (each.thing for each in made if each.kind == "CustomResourceDefinition")


def _served(made: Iterable[Rendered]) -> Iterator[str]:
    """Yield the APIs of the definitions so far, as charts ask for them: GROUP/VERSION and GROUP/VERSION/KIND."""
    for each in _definitions(made):
        spec = each["spec"]
        for version in spec["versions"]:
            served = f"{spec['group']}/{version['name']}"
            yield from (served, f"{served}/{spec['names']['kind']}")
