"""Manifests of other projects, at the versions of versions.toml, from their addresses or from the mirror."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs
import pulumi
import pulumi_kubernetes as k8s
import yaml

from infra.mirror.fetch import Site as Downloads
from infra.pulumi.parts.site import Site
from infra.pulumi.versions import Manifest, versions

Object = dict[str, Any]


def manifest(
    site: Site, file: str, opts: pulumi.ResourceOptions, has: Callable[[Object], bool] = lambda _: True, part: str = ""
) -> k8s.yaml.v2.ConfigGroup:
    """Return the objects of a manifest in versions.toml: those that `has` is true for, `part` being their name there.

    Their pods are not awaited: a gate does that.

    Two resources may not make one object: the second create fails, and a destroy of one takes it from the other.
    """
    locked = versions().manifests[file]
    local = site.mirrored(f"manifests/{file}", locked.sha256)
    text = (Path(local) if local else download(locked)).read_text()
    objects = [each for each in yaml.load_all(text, yaml.CSafeLoader) if each and has(each)]
    name = file.removesuffix(".yaml") + (f"-{part}" if part else "")
    return k8s.yaml.v2.ConfigGroup(name, objs=objects, skip_await=True, opts=opts)


def download(locked: Manifest) -> Path:
    """Return a manifest in the user's cache, downloaded unless it is there with its digest."""
    file = platformdirs.user_cache_path("codeintel", appauthor=False) / "manifests" / locked.version / locked.name
    Downloads().file(locked.url, file, locked.sha256, lambda _: None)
    return file
