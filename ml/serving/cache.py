"""KServe's local model cache: weights are downloaded to the node's disk once, and starting pods find them there.

The SDK has no types for these kinds, so they are plain data; the tests check them against the API server's schema.
"""

from dataclasses import dataclass, field
from typing import Any

API = "serving.kserve.io/v1alpha1"
# The folder on the node that the chart of KServe 0.20 mounts into its agent (no value changes it). The agent looks for
# models there: elsewhere it downloads them over and over (kserve#5156).
PLACE = "/models"
DOWNLOADER = "default"  # the service account whose secrets hold a hub's token


@dataclass(frozen=True, slots=True)
class CacheArgs:
    """The models by name, each with its address and size; the nodes that cache them, and the space they may take."""

    models: dict[str, tuple[str, str]]
    limit: str = "100Gi"
    group: str = "gpu-nodes"
    node_selector: dict[str, str] = field(default_factory=lambda: {"nvidia.com/gpu.present": "true"})
    with_token: bool = False  # KServe looks for credentials only if it is told whose


def model_cache(args: CacheArgs) -> list[dict[str, Any]]:
    """Return a LocalModelNodeGroup, and a LocalModelCache per model."""
    group = {
        "apiVersion": API,
        "kind": "LocalModelNodeGroup",
        "metadata": {"name": args.group},
        "spec": {
            "storageLimit": args.limit,
            "persistentVolumeSpec": {
                "accessModes": ["ReadWriteOnce"],
                "volumeMode": "Filesystem",
                "capacity": {"storage": args.limit},
                "storageClassName": "",
                "local": {"path": PLACE},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": _on(args.node_selector)}]}},
            },
            "persistentVolumeClaimSpec": {
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": "",
                "resources": {"requests": {"storage": args.limit}},
            },
        },
    }
    account = {"serviceAccountName": DOWNLOADER} if args.with_token else {}
    caches = [
        {
            "apiVersion": API,
            "kind": "LocalModelCache",
            "metadata": {"name": name},
            "spec": {"sourceModelUri": uri, "modelSize": size, "nodeGroups": [args.group], **account},
        }
        for name, (uri, size) in args.models.items()
    ]
    return [group, *caches]


def _on(labels: dict[str, str]) -> list[dict[str, Any]]:
    wanted = labels or {"kubernetes.io/os": "linux"}
    return [{"key": key, "operator": "In", "values": [value]} for key, value in wanted.items()]
