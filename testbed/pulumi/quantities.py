"""What pods request of a node, added up as the scheduler does."""

from collections.abc import Iterable
from dataclasses import dataclass

from kubernetes.utils import parse_quantity

from testbed.kubernetes.api import Object


@dataclass(frozen=True)
class Resources:
    """CPUs and bytes of memory."""

    cpu: float = 0.0
    memory: int = 0

    def __add__(self, other: "Resources") -> "Resources":
        return Resources(self.cpu + other.cpu, self.memory + other.memory)

    def __mul__(self, count: int) -> "Resources":
        return Resources(self.cpu * count, self.memory * count)

    def __le__(self, other: "Resources") -> bool:
        return self.cpu <= other.cpu and self.memory <= other.memory

    def __str__(self) -> str:
        return f"{self.cpu:.2f} CPUs and {self.memory / (1 << 30):.1f} GiB"


def largest(found: Iterable[Resources]) -> Resources:
    """Return the most that is requested of each kind."""
    every = [Resources(), *found]
    return Resources(max(each.cpu for each in every), max(each.memory for each in every))


def requested(spec: Object) -> Resources:
    """Return what a pod requests: all of its containers, or the largest of those that run before them."""
    together = sum((_asked(each) for each in spec["containers"]), Resources())
    return largest([together, *map(_asked, spec.get("initContainers") or [])])


def _asked(container: Object) -> Resources:
    """Return a container's requests; a limit without a request is one."""
    resources = container.get("resources") or {}
    asked = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return Resources(float(parse_quantity(asked.get("cpu", 0))), int(parse_quantity(asked.get("memory", 0))))
