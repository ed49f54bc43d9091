"""What `pulumi up` runs: reads the stack's settings, looks at the cluster, then registers the platform."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))  # Pulumi runs this file from its own folder

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env

from infra.pulumi.cluster_check import Target, check_cluster
from infra.pulumi.errors import PlatformError
from infra.pulumi.program import build
from infra.pulumi.settings import read_settings


def main() -> None:
    """Ends with one line where a person has to mend something."""
    provider = pulumi.Config("kubernetes")
    try:
        settings = read_settings({**get_config_env(), **CONFIG.get()})
        ready = check_cluster(Target(provider.get("kubeconfig"), provider.get("context")), settings)
        if settings.await_ready is None and not ready:
            pulumi.log.warn("no node of the cluster is ready: pods are not waited for (codeintel:awaitReady)")
            settings = settings.model_copy(update={"await_ready": False})
        build(settings)
    except PlatformError as error:
        raise pulumi.RunError(str(error)) from error


main()
