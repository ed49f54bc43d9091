"""Check the cluster before anything is changed: is it reachable, and does it run a supported Kubernetes?"""

import os
from dataclasses import dataclass

from pydantic.alias_generators import to_camel

from infra.pulumi.errors import NoClusterError, PlatformError
from infra.pulumi.names import RUNTIME
from infra.pulumi.settings import Settings

Version = tuple[int, int]

NEWEST: Version = (1, 37)  # what the tests run on
# The oldest Kubernetes that our own objects need: Pod Security and batch/v1's CronJob are stable there.
OURS: Version = (1, 25)
# The oldest that each component supports at the version of versions.toml, and where its project says so.
OLDEST: dict[str, Version] = {
    "cert_manager": (1, 22),  # kubeVersion of its chart
    "knative": (1, 34),  # DefaultKubernetesMinVersion of knative.dev/pkg: its controllers end at once on an older one
    "kserve": (1, 32),  # its installation guide
    "trainer": (1, 32),  # the oldest of its end-to-end tests
    "observability": (1, 25),  # kubeVersion of kube-prometheus-stack and its Grafana
    "langfuse": (1, 28),  # the ClickHouse operator's installation guide
}
# MutatingAdmissionPolicy is served from here on; it gives other controllers' pods the GPU node's toleration and runtime class.
POLICIES = (1, 36)
SECONDS = 10


@dataclass(frozen=True)
class Target:
    """The cluster that Pulumi's provider will use: `kubernetes:kubeconfig`, `kubernetes:context`, or KUBECONFIG."""

    kubeconfig: str | None = None
    context: str | None = None


@dataclass(frozen=True)
class Cluster:
    """What the check found: the version, and whether a node is ready to run pods."""

    version: Version
    ready: bool


def check_cluster(target: Target, settings: Settings) -> Cluster:
    """Return the cluster's version and readiness.

    Raise NoClusterError if it is unreachable, and PlatformError if it is too old, too new, or lacks the GPU nodes that
    the settings name.
    """
    from kubernetes import client, config
    from kubernetes.config import ConfigException
    from urllib3.exceptions import HTTPError

    place = target.kubeconfig or os.environ.get("KUBECONFIG") or "~/.kube/config"
    try:
        api = config.new_client_from_config(target.kubeconfig, target.context)
    except (ConfigException, OSError) as error:
        cure = "set kubernetes:kubeconfig or KUBECONFIG, and kubernetes:context, to a cluster's"
        raise NoClusterError(f"no cluster can be read from {place} ({error})", cure) from error
    try:
        version = client.VersionApi(api).get_code(_request_timeout=SECONDS)
        nodes = client.CoreV1Api(api).list_node(_request_timeout=SECONDS).items
    except (HTTPError, client.ApiException, OSError) as error:
        where = api.configuration.host
        cure = "start it, or name another by kubernetes:context"
        raise NoClusterError(f"the cluster at {where} does not answer ({type(error).__name__})", cure) from error
    found = check_version(version.git_version, settings)
    check_nodes(settings, {node.metadata.name for node in nodes})
    states = [each for node in nodes for each in node.status.conditions or ()]
    return Cluster(found, any(each.type == "Ready" and each.status == "True" for each in states))


def adapt_to_cluster(settings: Settings, cluster: Cluster) -> tuple[Settings, list[str]]:
    """Return the settings with cluster-dependent defaults filled in, and a warning for each missing capability.

    Raise PlatformError for a setting that the cluster can't satisfy.
    """
    warnings = []
    if settings.await_ready is None and not cluster.ready:
        warnings.append("no node of the cluster is ready: pods are not waited for (codeintel:awaitReady)")
        settings = settings.model_copy(update={"await_ready": False})
    if settings.mirror.pull_secret and cluster.version < POLICIES:
        raise PlatformError(
            f"codeintel:mirror.pullSecret is set, and Kubernetes {_spelt(cluster.version)} has no way to give it to all pods",
            f"give it to the nodes (k3s: registries.yaml), or use {_spelt(POLICIES)} or newer",
        )
    if settings.has_gpu and cluster.version < POLICIES:
        settings = _without_policies(settings, _spelt(cluster.version), warnings)
    return settings, warnings


def _without_policies(settings: Settings, version: str, warnings: list[str]) -> Settings:
    """Return the settings for a cluster without admission policies; append a warning about what is lost."""
    newer = _spelt(POLICIES)
    models, gpu = settings.models, settings.gpu
    if settings.caches_models:
        lacks = f"Kubernetes {version} keeps KServe's downloads off a GPU node"
        if models.cache:
            raise PlatformError(f"codeintel:models.cache is true, and {lacks}", f"set false, or use {newer} or newer")
        warnings.append(f"{lacks}: each pod downloads its model when it starts (codeintel:models.cache)")
        models = models.model_copy(update={"cache": False})
    if settings.stages_see_card and settings.components.has("pipelines"):
        lacks = f"Kubernetes {version} gives the pipeline's training stage no runtime class"
        if gpu.stages:
            raise PlatformError(f"codeintel:gpu.stages is true, and {lacks}", f"set false, or use {newer} or newer")
        warnings.append(f"{lacks}: make {RUNTIME} the default runtime of the GPU node (codeintel:gpu.stages)")
        gpu = gpu.model_copy(update={"stages": False})
    return settings.model_copy(update={"models": models, "gpu": gpu})


def check_version(git_version: str, settings: Settings) -> Version:
    """Return (major, minor). Raise PlatformError for a Kubernetes that what the settings install does not support."""
    major, minor = git_version.removeprefix("v").split("+")[0].split(".")[:2]
    found = (int(major), int(minor))
    needs = {to_camel(name): least for name, least in OLDEST.items() if settings.components.installs(name)}
    name, oldest = max([("this program", OURS), *needs.items()], key=lambda each: each[1])
    if not oldest <= found <= NEWEST:
        why = f"too old for {name}" if found < oldest else "newer than what the components were tested on"
        raise PlatformError(
            f"the cluster is Kubernetes {git_version}, {why}", f"use {_spelt(oldest)} to {_spelt(NEWEST)}"
        )
    return found


def _spelt(version: Version) -> str:
    return ".".join(map(str, version))


def check_nodes(settings: Settings, names: set[str]) -> None:
    """Raise PlatformError if a node to be labelled is not in the cluster, or Qdrant's servers lack a node each."""
    for node in settings.gpu.nodes if settings.has_gpu else ():
        if node not in names:
            there = ", ".join(sorted(names)) or "none"
            raise PlatformError(f"codeintel:gpu.nodes names {node}", f"name nodes of the cluster ({there}), or none")
    servers = settings.vectors.nodes if settings.components.has("qdrant") else 0
    if settings.vectors.clustered and len(names) < servers:
        cause = f"codeintel:vectors.nodes is {servers}, and the cluster has {len(names)} node(s)"
        raise PlatformError(cause, "each server needs a node of its own: add nodes, or set fewer servers")
