"""Looks at the cluster before anything is changed: is it there, and is it a Kubernetes that the components know?"""

import os
from dataclasses import dataclass

from infra.pulumi.errors import PlatformError
from infra.pulumi.settings import Settings

OLDEST, NEWEST = (1, 32), (1, 37)  # what KServe 0.20, Knative 1.22 and Trainer 2.3 were released for
SECONDS = 10


@dataclass(frozen=True)
class Target:
    """The cluster that Pulumi's provider will speak to: `kubernetes:kubeconfig`, `kubernetes:context`, or KUBECONFIG."""

    kubeconfig: str | None = None
    context: str | None = None


def check_cluster(target: Target, settings: Settings) -> bool:
    """Gives whether the cluster has a node that is ready to run pods.

    Raises PlatformError when it is away, too old, too new, or lacks the GPU nodes that the settings name.
    """
    from kubernetes import client, config
    from kubernetes.config import ConfigException
    from urllib3.exceptions import HTTPError

    place = target.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    try:
        api = config.new_client_from_config(target.kubeconfig, target.context)
    except (ConfigException, OSError) as error:
        cure = "set kubernetes:kubeconfig or KUBECONFIG, and kubernetes:context, to a cluster's"
        raise PlatformError(f"no cluster can be read from {place} ({error})", cure) from error
    try:
        version = client.VersionApi(api).get_code(_request_timeout=SECONDS)
        nodes = client.CoreV1Api(api).list_node(_request_timeout=SECONDS).items
    except (HTTPError, client.ApiException, OSError) as error:
        where = api.configuration.host
        cure = "start it, or name another by kubernetes:context"
        raise PlatformError(f"the cluster at {where} does not answer ({type(error).__name__})", cure) from error
    check_version(version.git_version)
    check_nodes(settings, {node.metadata.name for node in nodes})
    states = [each for node in nodes for each in node.status.conditions or ()]
    return any(each.type == "Ready" and each.status == "True" for each in states)


def check_version(git_version: str) -> None:
    """Raises PlatformError for a Kubernetes that the locked components were not released for."""
    parts = git_version.removeprefix("v").split("+")[0].split(".")
    found = (int(parts[0]), int(parts[1]))
    if not OLDEST <= found <= NEWEST:
        span = " to ".join(f"{major}.{minor}" for major, minor in (OLDEST, NEWEST))
        raise PlatformError(
            f"the cluster is Kubernetes {git_version}", f"use {span}, or other versions of the components"
        )


def check_nodes(settings: Settings, names: set[str]) -> None:
    """Raises PlatformError when a node that shall be marked is not in the cluster."""
    for node in settings.gpu.nodes if settings.has_gpu else ():
        if node not in names:
            there = ", ".join(sorted(names)) or "none"
            raise PlatformError(f"codeintel:gpu.nodes names {node}", f"name nodes of the cluster ({there}), or none")
