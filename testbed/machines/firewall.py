"""NetworkPolicies on real nodes: translated once, for the pods that run at that moment, to nftables on each node.

No enforcer is available as a Go module, and this is none: pods that start later are not known to it, and policies must
name ports by number. A node decides for its own pods, after kube-proxy has translated a Service's address.
"""

import subprocess
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from testbed.errors import ClusterError
from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.network_policies import SIDES, TCP, Direction, End, Policies
from testbed.machines.node import Node

TABLE = "policies"
OTHER_SIDE: dict[Direction, str] = {"Ingress": "saddr", "Egress": "daddr"}
OWN_SIDE: dict[Direction, str] = {"Ingress": "daddr", "Egress": "saddr"}


def enforce(api: Api, nodes: Iterable[Node]) -> None:
    """Let each node enforce all policies of the cluster for its pods. Raise ClusterError if nftables refuses them."""
    live = [each for each in api.find("v1", "Pod") if each["status"].get("podIP")]
    pods = {each["metadata"]["uid"]: _end(each) for each in live}
    policies = _policies(api)
    for node in nodes:
        here = [pods[each["metadata"]["uid"]] for each in live if each["spec"].get("nodeName") == node.name]
        _load(node, "\n".join(_table(policies, here, list(pods.values()))))


def _policies(api: Api) -> Policies:
    spaces = {each["metadata"]["name"]: each["metadata"].get("labels", {}) for each in api.find("v1", "Namespace")}
    return Policies(api.find("networking.k8s.io/v1", "NetworkPolicy"), spaces, blocks_match_pods=False)


def _end(pod: Object) -> End:
    place = pod["metadata"]
    return End(pod["status"]["podIP"], place["namespace"], place.get("labels", {}), name=place["name"])


def _table(policies: Policies, here: Sequence[End], everywhere: Sequence[End]) -> Iterator[str]:
    """Yield a table with a chain for each pod and direction that a policy closes."""
    yield f"table ip {TABLE}"
    yield f"delete table ip {TABLE}"
    yield f"table ip {TABLE} {{"
    jumps = ["ct state established,related accept"]
    for number, pod in enumerate(here):
        for direction in SIDES:
            if (rules := policies.rules(pod, direction)) is not None:
                chain = f"{direction.lower()}-{number}"
                yield f"chain {chain} {{"
                for space, rule in rules:
                    yield from _allowed(policies, direction, space, rule, everywhere)
                yield "drop\n}"
                jumps.append(f"ip {OWN_SIDE[direction]} {pod.address} jump {chain}")
    yield "chain forward {\ntype filter hook forward priority -1;"
    yield from (*jumps, "}\n}")


def _allowed(
    policies: Policies, direction: Direction, space: str, rule: Object, everywhere: Sequence[End]
) -> Iterator[str]:
    """Yield a line for each peer of a rule with each of its ports."""
    peers = rule.get(SIDES[direction][1])
    ports = [_port(each) for each in rule.get("ports") or ()] or [""]
    for peer in _peers(policies, direction, space, rule, everywhere) if peers else [""]:
        yield from (f"{peer} {port} return" for port in ports)


def _peers(
    policies: Policies, direction: Direction, space: str, rule: Object, everywhere: Sequence[End]
) -> Iterator[str]:
    own, side = SIDES[direction][1], f"ip {OTHER_SIDE[direction]}"
    yield from (f"{side} {pod.address}" for pod in everywhere if policies.matches_peer(rule, own, pod, space))
    for block in (each["ipBlock"] for each in rule[own] if "ipBlock" in each):
        but = block.get("except") or ()
        yield " ".join([f"{side} {block['cidr']}", *(f"{side} != {each}" for each in but)])


def _port(allowed: dict[str, Any]) -> str:
    protocol, first = str(allowed.get("protocol", TCP)).lower(), allowed.get("port")
    last = allowed.get("endPort", first)
    return f"{protocol} dport {first}-{last}" if first else f"meta l4proto {protocol}"


def _load(node: Node, rules: str) -> None:
    command = ["nsenter", f"--target={node.pid}", "--net", "nft", "--file", "-"]
    done = subprocess.run(command, input=rules, capture_output=True, text=True)
    if done.returncode:
        raise ClusterError(f"nftables on {node.name}: {done.stderr.strip()[-500:]}", "see the rules of its policies")
