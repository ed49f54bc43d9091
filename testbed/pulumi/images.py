"""The images of a rendered stack: of its pods, and those that a controller is told to start."""

import re
from collections.abc import Iterator
from typing import Any

from testbed.pulumi.pods import pods
from testbed.pulumi.rendered import Rendering

# As containers and options name them: HOST/PATH:TAG, or PATH:TAG at Docker Hub in the settings of KServe's controller.
NAMED = re.compile(r"(?<![\w./@-])((?:[a-z0-9-]+\.)+[a-z]+(?::\d+)?/[a-z0-9._/-]+|kserve/[a-z-]+):([A-Za-z0-9][\w.-]*)")
ASIDE = ("_example", "description")  # texts for people


def images(rendering: Rendering) -> set[tuple[str, str]]:
    """Return all images by repository, in full, and tag; those that platform/images builds keep their short names."""
    found = {_parted(each["image"]) for pod in pods(rendering) for each in pod.containers}
    for each in rendering.objects:
        if each.kind != "CustomResourceDefinition" and not each.ours:
            found |= {match for text in _texts(each.thing) for match in NAMED.findall(text)}
    return {(_in_full(repository), tag) for repository, tag in found}


def _parted(image: str) -> tuple[str, str]:
    repository, _, tag = image.partition("@")[0].rpartition(":")
    return repository, tag


def _in_full(repository: str) -> str:
    """Return a repository's name with the registry and the folder that Docker Hub's short names leave out."""
    first, _, rest = repository.partition("/")
    if "." in first or ":" in first or first == "codeintel":
        return repository
    return f"docker.io/{repository}" if rest else f"docker.io/library/{repository}"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (text for name, each in value.items() if name not in ASIDE for text in _texts(each))
    elif isinstance(value, list):
        yield from (text for each in value for text in _texts(each))
    elif isinstance(value, str):
        yield value
