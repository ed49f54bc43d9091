"""What NetworkPolicies let through, by the rules of the API (k8s.io/api/networking/v1, NetworkPolicySpec).

Each end of a connection decides for itself: a pod that no policy selects for a direction is open in it, any other one
takes what at least one rule of those policies matches.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from testbed.kubernetes.api import Object

Direction = Literal["Ingress", "Egress"]
SIDES: Mapping[Direction, tuple[str, str]] = {"Ingress": ("ingress", "from"), "Egress": ("egress", "to")}
TCP = "TCP"


@dataclass(frozen=True, eq=False)
class End:
    """A pod with its labels and named ports, or without a namespace an address that is no pod's (a node's, say)."""

    address: str
    namespace: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    named_ports: Mapping[tuple[str, str], int] = field(default_factory=dict)  # by name and protocol
    name: str = ""


@dataclass(frozen=True)
class Port:
    """A port of the pod that is called, after a Service's port has been translated."""

    number: int
    protocol: str = TCP


@dataclass(frozen=True, eq=False)
class Policies:
    """Policies, and the labels of the namespaces.

    Whether an address block also matches pods is left to the network: `blocks_match_pods` says what to assume.
    """

    objects: Sequence[Object]
    namespaces: Mapping[str, Mapping[str, str]]
    blocks_match_pods: bool = True

    def allow(self, caller: End, callee: End, port: Port) -> bool:
        """Return whether both ends let a connection through. Nothing keeps a pod from itself."""
        if caller is callee:
            return True
        out = self._passes("Egress", caller, callee, callee, port)
        return out and self._passes("Ingress", callee, caller, callee, port)

    def _passes(self, direction: Direction, pod: End, other: End, callee: End, port: Port) -> bool:
        rules = self.rules(pod, direction)
        if rules is None:
            return True
        return any(
            self.matches_peer(rule, SIDES[direction][1], other, space) and matches_port(rule, callee, port)
            for space, rule in rules
        )

    @cache  # noqa: B019  as long as the policies live
    def rules(self, pod: End, direction: Direction) -> list[tuple[str, Object]] | None:
        """Return the rules for a pod, each with its policy's namespace, or None if no policy selects the pod."""
        chosen = [each for each in self.objects if selects(each, pod) and direction in affected(each["spec"])]
        if not chosen:
            return None
        section, _ = SIDES[direction]
        return [(each["metadata"]["namespace"], rule) for each in chosen for rule in each["spec"].get(section) or ()]

    def matches_peer(self, rule: Object, side: str, other: End, space: str) -> bool:
        """Return whether a rule of a policy in `space` is about the other end; one without peers is about all."""
        return not rule.get(side) or any(self._is_peer(peer, other, space) for peer in rule[side])

    def _is_peer(self, peer: Object, other: End, space: str) -> bool:
        if block := peer.get("ipBlock"):
            return (self.blocks_match_pods or other.namespace is None) and in_block(block, other.address)
        if other.namespace is None:
            return False
        if (spaces := peer.get("namespaceSelector")) is None:
            here = other.namespace == space
        else:
            here = matches_labels(spaces, self.namespaces.get(other.namespace, {}))
        return here and matches_labels(peer.get("podSelector") or {}, other.labels)


def selects(policy: Object, pod: End) -> bool:
    """Return whether a policy is about a pod."""
    here = policy["metadata"]["namespace"] == pod.namespace
    return here and matches_labels(policy["spec"].get("podSelector") or {}, pod.labels)


def affected(spec: Object) -> Iterable[str]:
    """Return the directions of a policy; the API server fills in the default: ingress, and egress if it has rules."""
    return spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])


def matches_labels(selector: Object, labels: Mapping[str, str]) -> bool:
    """Return whether a label selector matches; an empty one matches everything."""
    exact = (selector.get("matchLabels") or {}).items()
    return all(labels.get(key) == value for key, value in exact) and all(
        _holds(each, labels) for each in selector.get("matchExpressions") or ()
    )


def matches_port(rule: Object, callee: End, port: Port) -> bool:
    """Return whether a rule is about a port of the callee; one without ports is about all, of every protocol."""
    return not rule.get("ports") or any(_is_port(each, callee, port) for each in rule["ports"])


def in_block(block: Object, address: str) -> bool:
    """Return whether an address is in an ipBlock and in none of its exceptions."""
    whole, *but = (_network(each) for each in (block["cidr"], *(block.get("except") or ())))
    return ip_address(address) in whole and not any(ip_address(address) in each for each in but)


def _holds(expression: Object, labels: Mapping[str, str]) -> bool:
    """Return whether a requirement holds; as everywhere in Kubernetes, a missing label is not in any set."""
    value, values = labels.get(expression["key"]), expression.get("values") or ()
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[str(expression["operator"])]


def _is_port(allowed: Object, callee: End, port: Port) -> bool:
    protocol, first = allowed.get("protocol") or TCP, allowed.get("port")
    if protocol != port.protocol:
        return False
    if isinstance(first, str):
        return callee.named_ports.get((first, protocol)) == port.number
    return first is None or first <= port.number <= (allowed.get("endPort") or first)


@cache
def _network(cidr: str) -> IPv4Network | IPv6Network:
    return ip_network(cidr, strict=False)
