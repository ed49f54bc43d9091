"""Passwords that the program generates once."""

import secrets
from collections.abc import Callable, Mapping

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.parts.site import Site

BYTES = 24


def generated_secret(
    site: Site,
    namespace: str,
    name: str,
    keys: tuple[str, ...],
    opts: pulumi.ResourceOptions,
    fixed: Mapping[str, str] | None = None,
    rendered: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None,
) -> k8s.core.v1.Secret:
    """Return a Secret with a random value per key, and entries rendered from those values.

    Every run generates values, but only the first ones are used: changes to the data are ignored, and the stack's state
    keeps them, encrypted. `fixed` are values that are no secret, such as a user's name; `rendered` makes further
    entries, such as a file that holds a password. A new password comes with `pulumi up --replace URN`.
    """
    values = {key: secrets.token_urlsafe(BYTES) for key in keys}
    data = {**values, **(fixed or {}), **(rendered(values) if rendered else {})}
    kept = pulumi.ResourceOptions(
        ignore_changes=["data", "stringData"], additional_secret_outputs=["data", "stringData"]
    )
    return k8s.core.v1.Secret(
        f"{namespace}-{name}",
        metadata=site.meta(name, namespace),
        type="Opaque",
        string_data=pulumi.Output.secret(data),
        opts=pulumi.ResourceOptions.merge(opts, kept),
    )


def copied_secret(
    site: Site,
    source: k8s.core.v1.Secret,
    name: str,
    namespace: str,
    keys: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> k8s.core.v1.Secret:
    """Return a Secret in another namespace with some values of a generated one: `keys` maps their names here to there."""

    def chosen(values: Mapping[str, str]) -> dict[str, str]:
        return {here: values[there] for here, there in keys.items()}

    kept = pulumi.ResourceOptions(additional_secret_outputs=["data"], depends_on=[source])
    return k8s.core.v1.Secret(
        f"{namespace}-{name}",
        metadata=site.meta(name, namespace),
        type="Opaque",
        data=source.data.apply(chosen),
        opts=pulumi.ResourceOptions.merge(opts, kept),
    )
