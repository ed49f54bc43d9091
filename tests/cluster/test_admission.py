"""What the API server rejects by Pod Security, by RBAC and by a quota."""

import pytest

from testbed.kubernetes.api import Api, Object, RefusedError
from testbed.kubernetes.workloads import pod
from tests.cluster.conftest import Namespace


def may(api: Api, user: str, verb: str, resource: str, namespace: str, group: str = "") -> bool:
    """Ask the API server by a SubjectAccessReview whether a user may do something."""
    attributes = {"verb": verb, "resource": resource, "namespace": namespace, "group": group}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": user, "resourceAttributes": attributes},
    }
    return bool(api.create(review)["status"]["allowed"])


@pytest.fixture
def restricted(namespace: Namespace) -> str:
    return namespace({"pod-security.kubernetes.io/enforce": "restricted"})


def test_a_restricted_namespace_accepts_a_restricted_pod(api: Api, restricted: str) -> None:
    assert api.create(pod("good", restricted))["metadata"]["uid"]


@pytest.mark.parametrize(
    ("context", "words"),
    [({"privileged": True}, "privileged"), ({"runAsUser": 0}, "runAsUser=0"), ({}, "allowPrivilegeEscalation")],
)
def test_a_restricted_namespace_rejects_an_unrestricted_pod(
    api: Api, restricted: str, context: Object, words: str
) -> None:
    with pytest.raises(RefusedError, match=rf'violates PodSecurity "restricted:latest".*{words}'):
        api.create(pod("bad", restricted, securityContext=context))


def test_an_account_may_do_only_what_its_role_allows(api: Api, namespace: Namespace) -> None:
    space, other = namespace(), namespace()
    rules = [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list"]}]
    inside = {"name": "reader", "namespace": space}
    rbac = "rbac.authorization.k8s.io"
    api.apply({"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": inside, "rules": rules})
    api.apply(
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": inside,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "reader"},
            "subjects": [{"kind": "ServiceAccount", "name": "default", "namespace": space}],
        }
    )
    user = f"system:serviceaccount:{space}:default"
    api.wait("the role", lambda: may(api, user, "get", "configmaps", space))
    assert not may(api, user, "get", "secrets", space)
    assert not may(api, user, "delete", "configmaps", space)
    assert not may(api, user, "get", "configmaps", other)


def test_a_quota_counts_the_slices(api: Api, namespace: Namespace) -> None:
    space = namespace()
    hard = {"requests.nvidia.com/gpu": "1"}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "slices", "namespace": space}}
    api.apply({**quota, "spec": {"hard": hard}})
    api.wait("the quota", lambda: ((api.get(quota) or {}).get("status") or {}).get("hard") == hard)
    api.create(pod("one", space, slices=1))
    with pytest.raises(RefusedError, match="exceeded quota: slices"):
        api.create(pod("two", space, slices=1))
