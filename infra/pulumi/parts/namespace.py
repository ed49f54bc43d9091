"""Namespaces with a Pod Security level and a closed network."""

from typing import Literal

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import HOLD_DATA, PULL_SECRET
from infra.pulumi.parts.admission import appended, change_pods
from infra.pulumi.parts.secret import encoded, secret
from infra.pulumi.parts.site import Site
from infra.pulumi.parts.traffic import network_policies

PULL = appended("imagePullSecrets", f'Object.spec.imagePullSecrets{{name: "{PULL_SECRET}"}}')
Level = Literal["restricted", "baseline", "privileged"]


class GuardedNamespace(pulumi.ComponentResource):
    """A namespace with a Pod Security level; its network is closed except for DNS and what ways.py opens."""

    def __init__(self, site: Site, name: str, level: Level, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Namespace", name, None, opts)
        levels: dict[str, str] = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "warn")}
        self.namespace = k8s.core.v1.Namespace(
            name,
            metadata=site.meta(name, labels=levels),
            opts=pulumi.ResourceOptions(parent=self, protect=site.settings.protect and name in HOLD_DATA),
        )
        inside = pulumi.ResourceOptions(parent=self, depends_on=[self.namespace])
        network_policies(site, name, inside)
        if site.settings.mirror.pull_secret:
            self._pull(site, name, site.settings.mirror.pull_secret.get_secret_value(), inside)
        self.register_outputs({})

    def _pull(self, site: Site, name: str, config: str, opts: pulumi.ResourceOptions) -> None:
        """Give each pod, those of charts and controllers too, the credentials of the registry."""
        data = encoded({".dockerconfigjson": config})
        secret(site, name, PULL_SECRET, data, opts, "kubernetes.io/dockerconfigjson")
        change_pods(site, f"codeintel-pull-{name}", PULL, opts, name)
