"""What a program registers: resources and the graph between them."""

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
    outputs: Object = field(default_factory=dict)
    parent: str = ""  # URN
    trigger: Any = None  # another one replaces the resource


@dataclass
class State:
    """What one run registers: resources in order of completion, charts, the stack's outputs."""

    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: Object = field(default_factory=dict)

    @property
    def charts(self) -> list[Object]:
        """The inputs (chart, version, values, …) of each chart and remote manifest that a real `up` would install."""
        return [each.inputs for each in self.resources.values() if each.type.startswith((*CHARTS, MANIFESTS))]
