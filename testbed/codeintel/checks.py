"""What is in a cluster, to compare before and after."""

from testbed.kubernetes.api import Api, key

PASSING = {"Event", "Lease", "EndpointSlice", "Endpoints", "ControllerRevision"}  # created by the cluster itself
AUTOMATIC = "kube-aggregator.kubernetes.io/automanaged"  # the APIService of a definition's group
Keys = set[tuple[str, str, str, str]]


def everything(api: Api) -> Keys:
    """Return kind, group, namespace and name of each object in the cluster that was created on purpose."""
    kinds = [(version, kind) for version, kind in api.preferred_kinds() if kind not in PASSING]
    found = [(version, kind, each) for version, kind in kinds for each in api.find(version, kind)]
    made = (
        {"apiVersion": version, "kind": kind, **each}
        for version, kind, each in found
        if AUTOMATIC not in each["metadata"].get("labels", {})
    )
    return set(map(key, made))
