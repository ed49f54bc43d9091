"""The platform's own objects as its program writes them, adapted to a cluster without registry and storage provider."""

from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

from infra.pulumi.names import Namespace
from testbed.kubernetes.api import Object
from testbed.machines import python_image
from testbed.machines.node import Node
from testbed.pulumi.recorder import recorded

CODE = "ml"  # the indexed code: a part of this repository, in the assistants' image
SPACES = (Namespace.ASSISTANT, Namespace.DATA, Namespace.MODELS)
STORAGE = "own-disk"
DISK = "var/lib/kubelet/codeintel"  # on the node's disk, which survives a power cut


def written(kind: str, name: str, namespace: str = "") -> Object:
    """Return one of the platform's objects."""
    return deepcopy(_everything()[kind, namespace, name])


def written_kinds(kinds: tuple[str, ...], namespaces: tuple[str, ...]) -> Iterator[Object]:
    """Yield the platform's objects of some kinds in some namespaces."""
    for kind, namespace, name in _everything():
        if kind in kinds and namespace in namespaces:
            yield written(kind, name, namespace)


def placed(stateful_set: Object, node: Node | None, **container: Any) -> Object:
    """Return a StatefulSet with parts of its container changed and its volumes pinned; `node` is where it must run."""
    spec = stateful_set["spec"]
    pod = spec["template"]["spec"]
    pod["containers"][0] |= container
    spec["volumeClaimTemplates"][0]["spec"]["storageClassName"] = STORAGE
    if node:
        pod["nodeSelector"] = {"kubernetes.io/hostname": node.name}
    return stateful_set


def volume(node: Node, claim: Object, name: str) -> Object:
    """Return a volume on a node's disk for a claim, or for those that a StatefulSet may create there."""
    folder = f"{DISK}/{name}"
    (node.root / folder).mkdir(parents=True, exist_ok=True)
    on = {"key": "kubernetes.io/hostname", "operator": "In", "values": [node.name]}
    spec = {
        "capacity": claim["spec"]["resources"]["requests"],
        "accessModes": claim["spec"]["accessModes"],
        "storageClassName": STORAGE,
        "local": {"path": f"/{folder}"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on]}]}},
    }
    place = claim["metadata"]
    if "namespace" in place:  # else another claim of the same size might bind it
        spec["claimRef"] = {"name": place["name"], "namespace": place["namespace"]}
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": f"{name}-{node.name}"}, "spec": spec}


def read_only(name: str, namespace: str, folder: str) -> list[Object]:
    """Return a hostPath volume of whichever node mounts it, and its claim."""
    size = {"storage": "1Gi"}
    shared = {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
    place = {"name": name, "namespace": namespace}
    path = {"path": folder, "type": "DirectoryOrCreate"}
    volume = {"capacity": size, "hostPath": path, "claimRef": place, **shared}
    claim = {"volumeName": name, "resources": {"requests": size}, **shared}
    return [
        {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name}, "spec": volume},
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": place, "spec": claim},
    ]


@cache
def _everything() -> dict[tuple[str, str, str], Object]:
    folder = f"/{python_image.PACKAGES}/{CODE}"
    state = recorded({"langfuse": False, "mlflow": False}, assistant={"repositories": [folder]})
    things = [each.inputs for each in state.resources.values() if "name" in each.inputs.get("metadata", {})]
    return {
        (thing["kind"], thing["metadata"].get("namespace", ""), thing["metadata"]["name"]): thing for thing in things
    }
