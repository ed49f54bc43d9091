"""Patch pods of other projects' controllers at admission, where they have no setting. Needs Kubernetes 1.36."""

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import APP_LABEL, NAMESPACE_LABEL
from infra.pulumi.parts.site import Site


def appended(name: str, value: str) -> str:
    """Return a patch that appends a value to a list of the pod's specification, or starts it."""
    place = f"/spec/{name}"
    return (
        f'has(object.spec.{name}) ? [JSONPatch{{op: "add", path: "{place}/-", value: {value}}}]'
        f' : [JSONPatch{{op: "add", path: "{place}", value: [{value}]}}]'
    )


def change_pods(
    site: Site, name: str, patch: str, opts: pulumi.ResourceOptions, namespace: str, app: str | None = None
) -> None:
    """Patch each new pod of a namespace, or of one app there; `patch` is CEL that evaluates to a list of JSONPatch."""
    app_label = k8s.meta.v1.LabelSelectorArgs(match_labels={APP_LABEL: app}) if app else None
    space = k8s.meta.v1.LabelSelectorArgs(match_labels={NAMESPACE_LABEL: namespace})
    k8s.admissionregistration.v1.MutatingAdmissionPolicy(
        name,
        metadata=site.meta(name),
        spec=k8s.admissionregistration.v1.MutatingAdmissionPolicySpecArgs(
            failure_policy="Fail",
            reinvocation_policy="Never",
            match_constraints=k8s.admissionregistration.v1.MatchResourcesArgs(
                namespace_selector=space,
                object_selector=app_label,
                resource_rules=[
                    k8s.admissionregistration.v1.NamedRuleWithOperationsArgs(
                        api_groups=[""], api_versions=["v1"], resources=["pods"], operations=["CREATE"]
                    )
                ],
            ),
            mutations=[
                k8s.admissionregistration.v1.MutationArgs(
                    patch_type="JSONPatch", json_patch=k8s.admissionregistration.v1.JSONPatchArgs(expression=patch)
                )
            ],
        ),
        opts=opts,
    )
    k8s.admissionregistration.v1.MutatingAdmissionPolicyBinding(
        name,
        metadata=site.meta(name),
        spec=k8s.admissionregistration.v1.MutatingAdmissionPolicyBindingSpecArgs(policy_name=name),
        opts=opts,
    )
