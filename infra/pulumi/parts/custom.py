"""Objects of kinds that other projects define."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.parts.site import Site


def custom_object(
    site: Site, thing: Mapping[str, Any], opts: pulumi.ResourceOptions, resource: str = ""
) -> k8s.apiextensions.CustomResource:
    """Return an object from its manifest: the program knows it as `resource`, by default KIND-NAME."""
    metadata, kind = thing["metadata"], thing["kind"]
    name, namespace = metadata["name"], metadata.get("namespace")
    return k8s.apiextensions.CustomResource(
        resource or f"{kind.lower()}-{name}",
        api_version=thing["apiVersion"],
        kind=kind,
        metadata=site.meta(name, namespace, metadata.get("labels"), metadata.get("annotations")),
        spec=thing["spec"],
        opts=opts,
    )
