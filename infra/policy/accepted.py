"""What other projects' manifests may do that ours may not, each with the reason.

Pulumi shows the objects of a manifest or a kustomization one by one; those of a Helm release it does not show. All that is
not in this table is reported for them too, so a new version that wants more is noticed.
"""

from collections.abc import Mapping

FOREIGN = "kubernetes:"  # the type of a manifest's or kustomization's resource, which is the parent of its objects

ACCEPTED: Mapping[tuple[str, str], str] = {
    (
        "serving-core",
        "grants_no_wildcard",
    ): "its controllers manage every kind of their own groups, and scale whatever an autoscaler names",
    ("kourier", "holds_no_secret_in_plain"): "ENABLE_SECRET_INFORMER_FILTERING_BY_CERT_UID is a switch and no secret",
    (
        "kourier",
        "is_not_reached_from_outside",
    ): "its LoadBalancer is how models get an address; the network policies close it",
    ("kourier", "shows_no_token"): "the gateway's account has no rights",
    ("kourier", "writes_only_to_volumes"): "Envoy writes its own bootstrap files",
    (
        "pipelines-platform-agnostic",
        "asks_and_is_bounded",
    ): "upstream sets none; the namespace holds nothing else that matters",
    ("pipelines-platform-agnostic", "grants_no_wildcard"): "its roles hold in its own namespace, over its own kinds",
    ("pipelines-platform-agnostic", "shows_no_token"): "the account of metadata-envoy has no rights",
    ("pipelines-platform-agnostic", "writes_only_to_volumes"): "its images write to /tmp and to their own folders",
}


def is_accepted(urn: str, rule: str) -> bool:
    """Return whether an object may break a rule: it comes from a manifest that the table accepts that of."""
    return (source_of(urn), rule) in ACCEPTED


def source_of(urn: str) -> str:
    """Return the manifest or kustomization that an object comes from, or nothing for an object of ours."""
    *_, types, name = urn.split("::", 3)
    *parents, _ = types.split("$")
    return name.partition(":")[0] if any(parent.startswith(FOREIGN) for parent in parents) else ""
