"""Passwords that the program generates and the stack's state keeps, until the setting `rotation` asks for new ones."""

import hashlib
import json
import secrets
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.parts.site import Site
from infra.pulumi.settings import FIRST

BYTES = 24
CHECKSUM = "checksum/secrets"  # an annotation of pods, in the form that charts use


def password() -> str:
    """Return a random value that needs no quotes in SQL, YAML, a shell or a URL."""
    return secrets.token_urlsafe(BYTES)


@dataclass(frozen=True)
class Key:
    """One generated value of a Secret; `lasting` ones are never replaced, because what they protect would be lost."""

    name: str
    make: Callable[[], str] = password
    lasting: bool = False


def keys(*names: str) -> tuple[Key, ...]:
    """Return a password for each name."""
    return tuple(map(Key, names))


def generated_secret(
    site: Site,
    namespace: str,
    name: str,
    generated: Sequence[Key],
    opts: pulumi.ResourceOptions,
    *,
    rotation: str = FIRST,
    fixed: Mapping[str, str] | None = None,
    rendered: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None,
) -> k8s.core.v1.Secret:
    """Return a Secret with a random value per key, and entries rendered from those values.

    A value is generated once; a changed `rotation` replaces it. `fixed` are values that are no secret, such as a user's
    name; `rendered` makes further entries, such as a file that holds a password.
    """
    kept = {
        each.name: _kept(
            f"{namespace}-{name}-{each.name}",
            each.make,
            FIRST if each.lasting else rotation,
            opts,
            protect=each.lasting and site.settings.protect,
        )
        for each in generated
    }

    def whole(values: Mapping[str, str]) -> dict[str, str]:
        return encoded({**values, **(fixed or {}), **(rendered(values) if rendered else {})})

    return secret(site, namespace, name, pulumi.Output.all(**kept).apply(whole), opts)


def copied_secret(
    site: Site,
    source: k8s.core.v1.Secret,
    name: str,
    namespace: str,
    names: Mapping[str, str],
    opts: pulumi.ResourceOptions,
) -> k8s.core.v1.Secret:
    """Return a Secret in another namespace with some values of another one: `names` maps their names here to there."""

    def chosen(values: Mapping[str, str]) -> dict[str, str]:
        return {here: values[there] for here, there in names.items()}

    return secret(site, namespace, name, source.data.apply(chosen), opts)


def secret(
    site: Site,
    namespace: str,
    name: str,
    data: pulumi.Input[Mapping[str, str]],
    opts: pulumi.ResourceOptions,
    kind: str = "Opaque",
) -> k8s.core.v1.Secret:
    """Return a Secret with base64-encoded values, which the stack's state keeps encrypted."""
    return k8s.core.v1.Secret(
        f"{namespace}-{name}",
        metadata=site.meta(name, namespace),
        type=kind,
        data=pulumi.Output.secret(data),
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(additional_secret_outputs=["data"])),
    )


def checksum(read: Sequence[k8s.core.v1.Secret]) -> dict[str, pulumi.Input[str]]:
    """Return the annotation that restarts pods when a Secret that they read only at their start changes."""
    if not read:
        return {}
    held = pulumi.Output.all(*(each.data for each in read))
    return {CHECKSUM: pulumi.Output.unsecret(held.apply(_digest))}


def _kept(
    name: str, make: Callable[[], str], rotation: str, opts: pulumi.ResourceOptions, *, protect: bool
) -> pulumi.Output[str]:
    """Return a value from the stack's state, made where it has none yet or another rotation's."""
    stash = pulumi.Stash(
        name,
        input=pulumi.Output.secret(make()),
        opts=pulumi.ResourceOptions.merge(
            opts,
            # Each run makes a value; the state's is used, except where the trigger replaces the whole resource.
            pulumi.ResourceOptions(
                ignore_changes=["input"],
                replacement_trigger=rotation,
                additional_secret_outputs=["output"],
                protect=protect,
            ),
        ),
    )
    return stash.output


def encoded(values: Mapping[str, str]) -> dict[str, str]:
    """Return values as a Secret's data."""
    return {name: b64encode(value.encode()).decode() for name, value in values.items()}


def _digest(held: Sequence[Mapping[str, str]]) -> str:
    return hashlib.sha256(json.dumps(held, sort_keys=True).encode()).hexdigest()[:16]
