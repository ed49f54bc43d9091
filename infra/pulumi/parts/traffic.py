"""Who may talk to whom. A guarded namespace denies all traffic; each exception is one policy with a reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.parts.site import Site

NAMESPACE_LABEL = "kubernetes.io/metadata.name"
APP_LABEL = "app.kubernetes.io/name"


@dataclass(frozen=True)
class Peer:
    """The other end: pods of a namespace (of one app or all), or addresses; without ports, all ports."""

    namespace: str | None = None
    app: str | None = None
    cidrs: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    anywhere: bool = False


INTERNET = Peer(cidrs=("0.0.0.0/0",), ports=(443,))  # for weights, where the stack allows downloads


def everywhere(*ports: int) -> Peer:
    """Return a peer that matches anybody: for webhooks, which the API server calls from unknown addresses."""
    return Peer(ports=ports, anywhere=True)


@dataclass(frozen=True)
class TrafficRules:
    """What an app may be reached by, and what it may reach."""

    into: Sequence[Peer] = field(default_factory=tuple)
    out: Sequence[Peer] = field(default_factory=tuple)


def allow(site: Site, namespace: str, app: str | None, rules: TrafficRules, opts: pulumi.ResourceOptions) -> None:
    """Allow traffic into and out of an app's pods, or of all the namespace's pods without an app."""
    types = [name for name, peers in (("Ingress", rules.into), ("Egress", rules.out)) if peers]
    k8s.networking.v1.NetworkPolicy(
        f"{namespace}-{app or 'all'}-traffic",
        metadata=site.meta(f"{app or 'all'}-traffic", namespace),
        spec=k8s.networking.v1.NetworkPolicySpecArgs(
            pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels={APP_LABEL: app} if app else None),
            policy_types=types,
            ingress=[
                k8s.networking.v1.NetworkPolicyIngressRuleArgs(from_=_peers(peer), ports=_ports(peer))
                for peer in rules.into
            ]
            or None,
            egress=[
                k8s.networking.v1.NetworkPolicyEgressRuleArgs(to=_peers(peer), ports=_ports(peer)) for peer in rules.out
            ]
            or None,
        ),
        opts=opts,
    )


def _peers(peer: Peer) -> list[k8s.networking.v1.NetworkPolicyPeerArgs] | None:
    if peer.anywhere:
        return None
    if peer.cidrs:
        return [
            k8s.networking.v1.NetworkPolicyPeerArgs(ip_block=k8s.networking.v1.IPBlockArgs(cidr=cidr))
            for cidr in peer.cidrs
        ]
    labels = {NAMESPACE_LABEL: peer.namespace} if peer.namespace else None
    return [
        k8s.networking.v1.NetworkPolicyPeerArgs(
            namespace_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=labels),
            pod_selector=k8s.meta.v1.LabelSelectorArgs(match_labels={APP_LABEL: peer.app}) if peer.app else None,
        )
    ]


def _ports(peer: Peer) -> list[k8s.networking.v1.NetworkPolicyPortArgs] | None:
    return [k8s.networking.v1.NetworkPolicyPortArgs(port=port, protocol="TCP") for port in peer.ports] or None
