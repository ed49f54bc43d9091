"""No two resources make one object: from pulumi-kubernetes 4.29 on a create fails on what exists already.

A destroy of one would also delete the other's.
"""

from collections import defaultdict

import pytest

from testbed.pulumi.rendered import Renderer


@pytest.mark.parametrize("stack", ["gpu", "local"])
def test_each_object_has_one_maker(renderer: Renderer, stack: str) -> None:
    makers = defaultdict(list)
    for each in renderer.stack(stack).objects:
        if not each.patches and not each.hook:
            group = each.thing["apiVersion"].rpartition("/")[0]
            makers[each.kind, group, each.namespace, each.name].append(each.owner.name)
    assert {thing: names for thing, names in makers.items() if len(names) > 1} == {}


def test_nothing_is_made_that_the_node_brings(renderer: Renderer) -> None:
    """What k3s creates by itself, by kind: all other names are ours to take."""
    brought = {
        "Namespace": {"default", "kube-system", "kube-public", "kube-node-lease"},
        "RuntimeClass": {"nvidia", "nvidia-cdi", "nvidia-experimental", "crun", "spin", "wasmtime", "wasmer"},
        "StorageClass": {"local-path"},
        "IngressClass": {"traefik"},
    }
    made = {kind: {each.name for each in renderer.stack("gpu").of(kind)} for kind in brought}
    assert {kind: made[kind] & names for kind, names in brought.items() if made[kind] & names} == {}
