"""The state of the nodes, read through the kubeconfig."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from chaoslib.exceptions import ActivityFailed

from chaos.log import logger

__all__ = ["another_is_ready", "is_ready"]


class AwayError(Exception):
    """The cluster's API does not answer; it may a moment later."""


def is_ready(node: str) -> bool | None:
    """Return whether a node is ready, or None while the cluster's API is away, which may be the lost node's own."""
    try:
        with _errors_translated(node):
            return _ready(_api().read_node(node, _request_timeout=10))
    except AwayError as error:
        logger.info("the cluster's API is away: %s", error)
        return None


def another_is_ready(node: str) -> bool:
    """Return whether something is left to answer while a node is away."""
    try:
        with _errors_translated(node):
            nodes = _api().list_node(_request_timeout=10).items
    except AwayError as error:
        raise ActivityFailed(f"the cluster's API is away: {error}") from error
    if any(_ready(each) for each in nodes if each.metadata.name != node):
        return True
    raise ActivityFailed(f"{node} is the only node: nothing can answer without it, try machine-restarts instead")


def _api() -> Any:
    from kubernetes import client, config

    config.load_config()
    return client.CoreV1Api()


def _ready(node: Any) -> bool:
    return any(each.type == "Ready" and each.status == "True" for each in node.status.conditions or ())


@contextmanager
def _errors_translated(node: str) -> Iterator[None]:
    """Tell a wrong name or kubeconfig from an API that is away: refused, cut off, too slow, or not yet itself again."""
    from kubernetes import client, config
    from urllib3.exceptions import HTTPError

    try:
        yield
    except config.ConfigException as error:
        raise ActivityFailed("no kubeconfig: set KUBECONFIG") from error
    except client.ApiException as error:
        if error.status == HTTPStatus.NOT_FOUND:
            raise ActivityFailed(f"the cluster has no node {node!r}: `kubectl get nodes` names them") from error
        raise AwayError(error.reason) from error  # also "Forbidden", which a restarted API server answers for a moment
    except (HTTPError, OSError) as error:
        raise AwayError(str(error)) from error
