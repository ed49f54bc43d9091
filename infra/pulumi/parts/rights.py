"""What a service account of ours may do in a namespace."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import Namespace
from infra.pulumi.parts.site import Site


def grant(
    site: Site,
    account: str,
    namespace: str,
    rules: Sequence[k8s.rbac.v1.PolicyRuleArgs],
    opts: pulumi.ResourceOptions,
    resource: str,
) -> list[pulumi.Resource]:
    """Return a role and its binding to an account of the assistant's namespace, both of the account's name."""
    metadata = site.meta(account, namespace)
    role = k8s.rbac.v1.Role(resource, metadata=metadata, rules=list(rules), opts=opts)
    binding = k8s.rbac.v1.RoleBinding(
        resource,
        metadata=metadata,
        role_ref=k8s.rbac.v1.RoleRefArgs(api_group="rbac.authorization.k8s.io", kind="Role", name=account),
        subjects=[k8s.rbac.v1.SubjectArgs(kind="ServiceAccount", name=account, namespace=Namespace.ASSISTANT)],
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[role])),
    )
    return [role, binding]
