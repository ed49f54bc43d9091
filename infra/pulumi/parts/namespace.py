"""Namespaces with a Pod Security level and a closed network."""

from typing import Literal

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.parts.site import Site
from infra.pulumi.parts.traffic import network_policies

Level = Literal["restricted", "baseline", "privileged"]


class GuardedNamespace(pulumi.ComponentResource):
    """A namespace with a Pod Security level; its network is closed except for DNS and what ways.py opens."""

    def __init__(self, site: Site, name: str, level: Level, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Namespace", name, None, opts)
        levels: dict[str, str] = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "warn")}
        self.namespace = k8s.core.v1.Namespace(
            name, metadata=site.meta(name, labels=levels), opts=pulumi.ResourceOptions(parent=self)
        )
        network_policies(site, name, pulumi.ResourceOptions(parent=self, depends_on=[self.namespace]))
        self.register_outputs({})
