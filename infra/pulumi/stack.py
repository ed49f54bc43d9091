"""The stack that Pulumi runs: read its settings, check the cluster, then register the platform on it."""

import pulumi
import pulumi_kubernetes as k8s
from pulumi.runtime.config import CONFIG, get_config_env

from infra.pulumi.cluster_check import Target, adapt_to_cluster, check_cluster
from infra.pulumi.errors import NoClusterError, PlatformError
from infra.pulumi.program import build
from infra.pulumi.settings import Settings, read_settings


def register() -> None:
    """Register the platform; on an error that the user can fix, print one line and exit."""
    config = pulumi.Config("kubernetes")
    target = Target(config.get("kubeconfig"), config.get("context"))
    try:
        settings = read_settings({**get_config_env(), **CONFIG.get()})
        build(_adapted(settings, target), _provider(target))
    except PlatformError as error:
        raise pulumi.RunError(str(error)) from error


def _adapted(settings: Settings, target: Target) -> Settings:
    """Return the settings with the cluster's defaults. A preview goes on without a cluster, with a warning."""
    try:
        cluster = check_cluster(target, settings)
    except NoClusterError as error:
        if not pulumi.runtime.is_dry_run():
            raise
        pulumi.log.warn(f"{error}. This preview is of the settings alone")
        return settings
    settings, warnings = adapt_to_cluster(settings, cluster)
    for warning in warnings:
        pulumi.log.warn(warning)
    return settings


def _provider(target: Target) -> k8s.Provider:
    """Return the provider of every object.

    A changed ConfigMap or Secret is updated in place: replaced, it would be missing for a moment, and its pods with it.
    """
    return k8s.Provider(
        "cluster",
        kubeconfig=target.kubeconfig,
        context=target.context,
        enable_server_side_apply=True,
        enable_config_map_mutable=True,
        enable_secret_mutable=True,
    )
