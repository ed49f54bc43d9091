"""The state of the nodes, read through the kubeconfig."""

from chaoslib.exceptions import ActivityFailed

__all__ = ["is_ready"]


def is_ready(node: str) -> bool:
    """Return whether a node is ready."""
    from kubernetes import client, config

    try:
        config.load_config()
        found = client.CoreV1Api().read_node(node, _request_timeout=10)
    except config.ConfigException as error:
        raise ActivityFailed("no kubeconfig: set KUBECONFIG") from error
    except client.ApiException as error:
        raise ActivityFailed(f"the cluster says of node {node!r}: {error.reason}") from error
    return any(each.type == "Ready" and each.status == "True" for each in found.status.conditions or ())
