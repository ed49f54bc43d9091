"""Small objects that the cluster's tests make."""

from tests.cluster.api import Api, Object, condition
from tests.cluster.nodes import GPU, GPU_TOLERATION

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(name: str, namespace: str, slices: int = 0, tolerates: bool = True, **container: object) -> Object:
    """Return a pod that fits the Pod Security level `restricted` and asks for some slices of the GPU."""
    resources = {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "32Mi"}}
    if slices:
        resources = {part: {**each, GPU: str(slices)} for part, each in resources.items()}
    main = {"name": "main", "image": "dev.local/none:1", "resources": resources, "securityContext": RESTRICTED}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": name}},
        "spec": {
            "tolerations": [GPU_TOLERATION] if tolerates else [],
            "containers": [{**main, **container}],
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
        },
    }


def rights(name: str, namespace: str, rules: list[Object]) -> list[Object]:
    """Return a service account with its namespace, and what it may do in the whole cluster."""
    group, place = "rbac.authorization.k8s.io", {"name": name, "namespace": namespace}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}},
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": place},
        {"apiVersion": f"{group}/v1", "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules},
        {
            "apiVersion": f"{group}/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": name},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": name},
            "subjects": [{"kind": "ServiceAccount", **place}],
        },
    ]


def placed(api: Api, thing: Object) -> str:
    """Return the node of a pod, as soon as the scheduler has placed it."""
    where: str = api.wait(
        f"a node for {thing['metadata']['name']}", lambda: (api.get(thing) or {})["spec"].get("nodeName")
    )
    return where


def waits(api: Api, thing: Object) -> str:
    """Return the scheduler's words on why a pod can't be placed, as soon as it has tried."""

    def reason() -> str | None:
        live = api.get(thing) or {}
        conditions = live.get("status", {}).get("conditions", [])
        return next((each["message"] for each in conditions if each.get("reason") == "Unschedulable"), None)

    words: str = api.wait("the scheduler's verdict", reason)
    assert condition(api.get(thing) or {}, "PodScheduled") == "False"
    return words
