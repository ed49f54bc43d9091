"""Namespaces with default-deny network policies and a Pod Security level."""

from typing import Literal

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.parts.site import Site
from infra.pulumi.parts.traffic import Peer, TrafficRules, allow

Level = Literal["restricted", "baseline", "privileged"]


class GuardedNamespace(pulumi.ComponentResource):
    """A namespace with a Pod Security level; its network is closed except for DNS.

    `foreign` marks a namespace of other projects' controllers: its pods may also reach the cluster's pods and the API
    server, and be reached from the cluster, because we don't know their ports; the internet stays closed to them.
    """

    def __init__(
        self, site: Site, name: str, level: Level, opts: pulumi.ResourceOptions | None = None, foreign: bool = False
    ) -> None:
        super().__init__("codeintel:platform:Namespace", name, None, opts)
        levels: dict[str, str] = {f"pod-security.kubernetes.io/{mode}": level for mode in ("enforce", "warn")}
        self.namespace = k8s.core.v1.Namespace(
            name, metadata=site.meta(name, labels=levels), opts=pulumi.ResourceOptions(parent=self)
        )
        inside = pulumi.ResourceOptions(parent=self, depends_on=[self.namespace])
        self._deny(site, name, inside)
        self._dns(site, name, inside)
        if foreign:
            api = Peer(cidrs=site.settings.network.api_server, ports=(443, 6443))
            allow(site, name, None, TrafficRules(into=[Peer(anywhere=True)], out=[Peer(), api]), inside)
        self.register_outputs({})

    def _deny(self, site: Site, name: str, opts: pulumi.ResourceOptions) -> None:
        k8s.networking.v1.NetworkPolicy(
            f"{name}-deny",
            metadata=site.meta("deny-by-default", name),
            spec=k8s.networking.v1.NetworkPolicySpecArgs(
                pod_selector=k8s.meta.v1.LabelSelectorArgs(), policy_types=["Ingress", "Egress"]
            ),
            opts=opts,
        )

    def _dns(self, site: Site, name: str, opts: pulumi.ResourceOptions) -> None:
        ports = [
            k8s.networking.v1.NetworkPolicyPortArgs(port=port, protocol=protocol)
            for port in (53, 5353)  # 5353: some CNIs match the DNS pod's port, not its Service's
            for protocol in ("UDP", "TCP")
        ]
        system = k8s.meta.v1.LabelSelectorArgs(match_labels={"kubernetes.io/metadata.name": "kube-system"})
        k8s.networking.v1.NetworkPolicy(
            f"{name}-dns",
            metadata=site.meta("dns", name),
            spec=k8s.networking.v1.NetworkPolicySpecArgs(
                pod_selector=k8s.meta.v1.LabelSelectorArgs(),
                policy_types=["Egress"],
                egress=[
                    k8s.networking.v1.NetworkPolicyEgressRuleArgs(
                        to=[k8s.networking.v1.NetworkPolicyPeerArgs(namespace_selector=system)], ports=ports
                    )
                ],
            ),
            opts=opts,
        )
