"""The state of the engine's double: resources, their live objects and the graph between them."""

from dataclasses import dataclass, field
from typing import Any

from testbed.kubernetes.api import Object

CHARTS = ("kubernetes:helm.sh/", "kubernetes:kustomize/")
MANIFESTS = "kubernetes:yaml/"


@dataclass
class Resource:
    """One resource of a program, as in the engine's state."""

    urn: str
    type: str
    name: str
    inputs: Object
    needs: frozenset[str]  # URNs of its dependencies
    objects: list[Object] = field(default_factory=list)  # its live objects in the cluster
    outputs: Object = field(default_factory=dict)
    parent: str = ""  # URN
    kept: bool = False  # retainOnDelete, a patch, or only read
    trigger: Any = None  # another one replaces the resource


@dataclass
class State:
    """The result of an `up`: resources in order of completion, charts, the stack's outputs."""

    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: Object = field(default_factory=dict)

    @property
    def charts(self) -> list[Object]:
        """The inputs (chart, version, values, …) of each chart and remote manifest that a real `up` would install."""
        return [each.inputs for each in self.resources.values() if each.type.startswith((*CHARTS, MANIFESTS))]

    @property
    def objects(self) -> list[Object]:
        """Every live object of the program."""
        return [thing for each in self.resources.values() for thing in each.objects]
