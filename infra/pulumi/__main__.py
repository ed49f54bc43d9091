"""What `pulumi up` runs: read the stack's settings, check the cluster, then register the platform."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # Pulumi runs this file from its own folder

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from infra.pulumi.cluster_check import Target, adapt_to_cluster, check_cluster
from infra.pulumi.errors import PlatformError
from infra.pulumi.program import build
from infra.pulumi.settings import read_settings


def main() -> None:
    """Register the platform; on an error that the user can fix, print one line and exit."""
    provider = pulumi.Config("kubernetes")
    try:
        settings = read_settings({**get_config_env(), **CONFIG.get()})
        cluster = check_cluster(Target(provider.get("kubeconfig"), provider.get("context")), settings)
        settings, warnings = adapt_to_cluster(settings, cluster)
        for warning in warnings:
            pulumi.log.warn(warning)
        build(settings)
    except PlatformError as error:
        raise pulumi.RunError(str(error)) from error


main()
