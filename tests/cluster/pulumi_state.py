"""What the double of Pulumi's engine keeps: resources, their live objects and the graph between them."""

from dataclasses import dataclass, field

from tests.cluster.api import Object

CHARTS = ("kubernetes:helm.sh/", "kubernetes:kustomize/")
MANIFESTS = "kubernetes:yaml/"


@dataclass
class Resource:
    """One resource of a program as the engine would keep it in its state."""

    urn: str
    type: str
    name: str
    inputs: Object
    needs: frozenset[str]  # URNs that must be there before it
    objects: list[Object] = field(default_factory=list)  # what it put into the cluster, as it came back
    outputs: Object = field(default_factory=dict)
    parent: str = ""  # URN
    kept: bool = False  # retainOnDelete, a patch, or one that was only read


@dataclass
class State:
    """What an `up` leaves behind: resources in the order in which they were done, charts, the stack's outputs."""

    resources: dict[str, Resource] = field(default_factory=dict)
    outputs: Object = field(default_factory=dict)

    @property
    def charts(self) -> list[Object]:
        """The inputs (chart, version, values, …) of each chart and remote manifest that a real `up` would bring."""
        return [each.inputs for each in self.resources.values() if each.type.startswith((*CHARTS, MANIFESTS))]

    @property
    def objects(self) -> list[Object]:
        """Every live object that the program made."""
        return [thing for each in self.resources.values() for thing in each.objects]
