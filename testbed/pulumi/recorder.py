"""Run the platform's program without a cluster: record what it registers, and what each resource waits for."""

import json
import os
from base64 import b64decode
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest import mock

import pulumi_kubernetes as k8s
from pydantic.alias_generators import to_camel

from infra.policy.pods import pod_of
from infra.pulumi.parts import manifest
from infra.pulumi.program import build
from infra.pulumi.settings import Components, Settings, read_settings
from testbed.kubernetes.api import Object
from testbed.pulumi.run import Run
from testbed.pulumi.state import CHARTS, MANIFESTS, Resource, State

NOTHING = Path(os.devnull)  # in place of each manifest that is downloaded
GPU_STACK = {"gpuNode": True, "devicePlugin": True}


def program(components: dict[str, Any] | None = None, **sections: Any) -> Callable[[], None]:
    """Return the program of a GPU stack with some components and settings changed."""
    config = {"codeintel:components": json.dumps({**GPU_STACK, **(components or {})})}
    config |= {f"codeintel:{name}": json.dumps(value) for name, value in sections.items()}
    return lambda: register(read_settings(config))


def register(settings: Settings) -> None:
    """Register the platform; manifests are not downloaded."""
    with mock.patch.object(manifest, "download", return_value=NOTHING):
        build(settings, k8s.Provider("cluster"))


def recorded(components: dict[str, Any] | None = None, before: State | None = None, **sections: Any) -> State:
    """Return what such a stack registers, after a run that left a state, or as the first one, which is shared."""
    if before is not None:
        return record(program(components, **sections), before)
    return _first(json.dumps([components, sections], sort_keys=True))


@lru_cache(maxsize=4)
def _first(stack: str) -> State:
    """Return what the first run of a stack registers; nobody changes it."""
    components, sections = json.loads(stack)
    return record(program(components, **sections))


def record(whole: Callable[[], None], before: State | None = None) -> State:
    """Return what a program registers."""
    return Run(before).run(whole, "codeintel", "test", {})


def component_of(resource: Resource) -> str:
    """Return a component resource's name as in the settings, but in lower case: `certmanager` for `CertManager`."""
    return resource.type.rpartition(":")[2].lower()


def with_charts() -> list[str]:
    """Return the components that bring charts or manifests of other projects, as the settings name them."""
    state = recorded()
    bring = {component_of(top) for each in state.resources.values() if is_chart(each) for top in above(state, each)}
    return [name for name in map(to_camel, Components.model_fields) if name.lower() in bring]


def is_chart(resource: Resource) -> bool:
    """Return whether a resource is a chart or a manifest of another project."""
    return resource.type.startswith((*CHARTS, MANIFESTS))


def above(state: State, resource: Resource) -> Iterator[Resource]:
    """Yield a resource's parent, its parent, and so on."""
    while resource.parent in state.resources:
        resource = state.resources[resource.parent]
        yield resource


def prerequisites_of(state: State, urn: str) -> set[str]:
    """Return the URNs of all that a resource waits for, directly or not."""
    seen: set[str] = set()
    waiting = [urn]
    while waiting:
        for need in state.resources[waiting.pop()].needs & state.resources.keys():
            if need not in seen:
                seen.add(need)
                waiting.append(need)
    return seen


def secret_values(state: State) -> dict[tuple[str, str], dict[str, str]]:
    """Return what each Secret holds, decoded, by its namespace and name."""
    made = (each.inputs for each in state.resources.values() if each.type == "kubernetes:core/v1:Secret")
    return {
        (each["metadata"]["namespace"], each["metadata"]["name"]): {
            key: b64decode(value).decode() for key, value in each["data"].items()
        }
        for each in made
    }


def pods(state: State) -> Iterator[tuple[str, Object]]:
    """Yield each pod specification that the program itself writes, with the resource's name."""
    for each in state.resources.values():
        for spec in pod_of(each.inputs):
            yield each.name, dict(spec)
