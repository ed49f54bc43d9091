"""Small objects for tests of the cluster."""

from testbed.kubernetes.api import Api, Object, condition
from testbed.kubernetes.simulated_nodes import GPU, GPU_TOLERATION

RESTRICTED = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(name: str, namespace: str, slices: int = 0, tolerates: bool = True, **container: object) -> Object:
    """Return a pod of the Pod Security level `restricted` that requests some slices of the GPU."""
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
    """Return a service account with its namespace and a cluster role."""
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
    """Wait until the scheduler has placed a pod; return its node."""
    where: str = api.wait(
        f"a node for {thing['metadata']['name']}", lambda: (api.get(thing) or {})["spec"].get("nodeName")
    )
    return where


def waits(api: Api, thing: Object) -> str:
    """Wait until the scheduler fails to place a pod; return its message."""

    def reason() -> str | None:
        live = api.get(thing) or {}
        conditions = live.get("status", {}).get("conditions", [])
        return next((each["message"] for each in conditions if each.get("reason") == "Unschedulable"), None)

    words: str = api.wait("the scheduler's verdict", reason)
    assert condition(api.get(thing) or {}, "PodScheduled") == "False"
    return words
