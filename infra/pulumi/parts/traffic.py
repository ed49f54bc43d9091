"""The network policies of a namespace: closed by default, except for DNS and the ways of ways.py."""

from collections.abc import Iterator, Sequence

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.ends import Anyone, End, Pods, Spaces
from infra.pulumi.names import NAMESPACE_LABEL
from infra.pulumi.parts.site import Site
from infra.pulumi.settings import Settings
from infra.pulumi.ways import Way, open_ways, pods_of

DNS_PORTS = (53, 5353)  # 5353: some networks match the DNS pod's port, not its Service's
EVERY_POD = k8s.meta.v1.LabelSelectorArgs()
Spec = k8s.networking.v1.NetworkPolicySpecArgs
Port = k8s.networking.v1.NetworkPolicyPortArgs
Peer = k8s.networking.v1.NetworkPolicyPeerArgs


def network_policies(site: Site, namespace: str, opts: pulumi.ResourceOptions) -> None:
    """Create the policies of a namespace: one that denies, one for DNS, and one for each of its pods in the table."""
    traffic = {f"{pods.name}-traffic": _traffic(pods, site.settings) for pods in pods_of(namespace, site.settings)}
    for name, spec in {"deny-by-default": _nothing(), "dns": _dns(), **traffic}.items():
        metadata = site.meta(name, namespace)
        k8s.networking.v1.NetworkPolicy(f"{namespace}-{name}", metadata=metadata, spec=spec, opts=opts)


def _nothing() -> Spec:
    return Spec(pod_selector=EVERY_POD, policy_types=["Ingress", "Egress"])


def _dns() -> Spec:
    ports = [Port(port=port, protocol=protocol) for port in DNS_PORTS for protocol in ("UDP", "TCP")]
    system = _peer(Pods("dns", "kube-system"))
    rule = k8s.networking.v1.NetworkPolicyEgressRuleArgs(to=[system], ports=ports)
    return Spec(pod_selector=EVERY_POD, policy_types=["Egress"], egress=[rule])


def _traffic(pods: Pods, settings: Settings) -> Spec:
    """Return the policy of pods in the table: what may reach them, and what they may reach."""
    into = [
        k8s.networking.v1.NetworkPolicyIngressRuleArgs(from_=_peers(way.present(settings), settings), ports=_ports(way))
        for way in dict.fromkeys(way for _, way in open_ways(settings) if way.callee == pods)
    ]
    out = [
        k8s.networking.v1.NetworkPolicyEgressRuleArgs(to=_peers((way.callee,), settings), ports=_ports(way))
        for caller, way in open_ways(settings)
        if caller == pods
    ]
    return Spec(
        pod_selector=_labels(pods) or EVERY_POD,
        policy_types=[name for name, rules in (("Ingress", into), ("Egress", out)) if rules],
        ingress=into or None,
        egress=out or None,
    )


def _peers(ends: Sequence[End], settings: Settings) -> list[Peer] | None:
    """Return the other ends, or None for everybody: a rule without peers matches all."""
    return None if Anyone.ANYBODY in ends else [peer for end in ends for peer in _of(end, settings)]


def _of(end: End, settings: Settings) -> Iterator[Peer]:
    if isinstance(end, Pods):
        yield _peer(end)
    elif isinstance(end, Spaces):
        for space in end.of(settings):
            yield _peer(Pods(end.name, space))
    elif isinstance(end, Anyone):
        yield Peer(namespace_selector=k8s.meta.v1.LabelSelectorArgs())
    else:
        for cidr in end.of(settings):
            yield Peer(ip_block=k8s.networking.v1.IPBlockArgs(cidr=cidr, except_=list(end.but) or None))


def _peer(pods: Pods) -> Peer:
    space = k8s.meta.v1.LabelSelectorArgs(match_labels={NAMESPACE_LABEL: pods.namespace})
    return Peer(namespace_selector=space, pod_selector=_labels(pods))


def _labels(pods: Pods) -> k8s.meta.v1.LabelSelectorArgs | None:
    return k8s.meta.v1.LabelSelectorArgs(match_labels=dict(pods.labels)) if pods.labels else None


def _ports(way: Way) -> list[Port] | None:
    return [Port(port=port, protocol="TCP") for port in way.ports] or None
