"""The components, in one table: what each needs, what it comes after, and the namespace that it lives in.

The order of `up` and `destroy`, the checks of the settings and docs/images/platform.svg all come from this table. A new
component is a row here, a file in components/, a factory in program.py, and a field of `settings.Components`.
"""

from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from typing import Literal

from infra.pulumi.names import Namespace


@dataclass(frozen=True, slots=True)
class Part:
    """A component. With one of its `needs` off it is left out; `after` only orders it behind what is there."""

    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    space: str | None = None  # one of SPACES, which has to be there first
    implied: bool = False  # there as soon as its needs are: no setting turns it on or off
    gated: bool = False  # a controller of another project, whose gate runs in our namespace of gates


@dataclass(frozen=True, slots=True)
class Space:
    """A namespace of ours. Users create objects of the controllers in `after` there, so a destroy deletes it first."""

    level: Literal["restricted", "baseline"]
    after: tuple[str, ...] = ()


SPACES: dict[str, Space] = {
    Namespace.DATA: Space("restricted"),
    Namespace.ASSISTANT: Space("restricted", after=("trainer",)),
    Namespace.MODELS: Space("baseline", after=("kserve", "device_plugin")),
}

PARTS: dict[str, Part] = {
    # controllers of other projects
    "gpu_node": Part(gated=True),
    "card": Part(needs=("gpu_node",), implied=True),
    "device_plugin": Part(needs=("gpu_node",), gated=True),
    "cert_manager": Part(gated=True),
    "knative": Part(gated=True),
    "kserve": Part(needs=("cert_manager", "knative"), gated=True),
    "trainer": Part(gated=True),
    "observability": Part(after=("gpu_node", "device_plugin"), gated=True),
    "pipelines": Part(gated=True),
    # stores
    "postgres": Part(space=Namespace.DATA),
    "object_store": Part(space=Namespace.DATA),
    "qdrant": Part(space=Namespace.DATA),
    "mlflow": Part(needs=("postgres", "object_store")),
    "langfuse": Part(needs=("cert_manager", "postgres", "object_store")),
    "backups": Part(needs=("object_store",), after=("postgres", "qdrant")),
    # what people use
    "learning": Part(needs=("pipelines", "qdrant", "mlflow"), implied=True),
    "boards": Part(needs=("observability",), space=Namespace.ASSISTANT, implied=True),
    "code_runtime": Part(needs=("trainer",), after=("card",), space=Namespace.ASSISTANT, implied=True),
    "window": Part(needs=("gpu_node",), after=("pipelines", "card"), space=Namespace.ASSISTANT, implied=True),
    "models": Part(needs=("kserve",), after=("card",), space=Namespace.MODELS),
    "assistant": Part(needs=("qdrant",), after=("models",), space=Namespace.ASSISTANT),
    "training": Part(needs=("code_runtime", "assistant", "mlflow"), implied=True),
    "ingress": Part(needs=("cert_manager",), after=("assistant", "observability", "langfuse"), implied=True),
    "drift": Part(needs=("assistant", "mlflow"), implied=True),
    "monitors": Part(needs=("observability",), after=("qdrant", "models", "assistant"), implied=True),
}


@cache
def in_order() -> tuple[str, ...]:
    """Return the names of the components, each after all that it, or its namespace, depends on."""
    before = {name: {*part.needs, *part.after, *_of_space(part)} for name, part in PARTS.items()}
    return tuple(TopologicalSorter(before).static_order())


def _of_space(part: Part) -> tuple[str, ...]:
    return SPACES[part.space].after if part.space else ()
