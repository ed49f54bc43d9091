"""Charts of other projects, at the versions of versions.toml, from their addresses or from the mirror."""

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.parts.site import Site
from infra.pulumi.versions import Chart, versions

PATIENCE = 900  # seconds: a first `up` may pull images over a slow line


def release(
    site: Site, chart: str, namespace: str, values: Mapping[str, Any], opts: pulumi.ResourceOptions, name: str = ""
) -> k8s.helm.v3.Release:
    """Return a Helm release of a chart in versions.toml.

    A Release and not a Chart: Trainer's runtimes and Langfuse's bucket are created by Helm hooks.
    """
    locked = versions().charts[chart]
    local = site.mirrored(f"charts/{locked.archive}", locked.sha256)
    return k8s.helm.v3.Release(
        chart,
        name=name or chart,
        chart=local or _address(locked),
        version=None if local else locked.version,
        repository_opts=None if local else _repository(locked),
        namespace=namespace,
        create_namespace=False,
        values=dict(values),
        timeout=PATIENCE,
        skip_await=not site.awaits,
        opts=opts,
    )


def _address(chart: Chart) -> str:
    return f"{chart.repository}/{chart.name}" if chart.repository.startswith("oci:") else chart.name


def _repository(chart: Chart) -> k8s.helm.v3.RepositoryOptsArgs | None:
    return None if chart.repository.startswith("oci:") else k8s.helm.v3.RepositoryOptsArgs(repo=chart.repository)
