"""The rules as functions: each takes a Kubernetes object's properties and yields its violations."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from infra.policy.pods import containers, pod_of, workload_name

Properties = Mapping[str, Any]
Rule = Callable[[Properties], Iterator[str]]

SECRET_NAME = re.compile(r"password|passwd|token|secret|api_?key|access_?key|private_?key", re.IGNORECASE)
FLOATING = {"latest", "main", "master", "nightly", "stable", "edge"}
WILD = "*"


def runs_as_nobody(properties: Properties) -> Iterator[str]:
    """Require a non-root user, no privilege escalation, and the runtime's default seccomp profile."""
    for spec in pod_of(properties):
        pod = spec.get("securityContext") or {}
        for each in containers(spec):
            own = each.get("securityContext") or {}
            merged = {**pod, **own}
            if merged.get("runAsNonRoot") is not True:
                yield f"{each['name']} may run as root: set runAsNonRoot"
            if merged.get("runAsUser") == 0:
                yield f"{each['name']} runs as root: set another runAsUser"
            if own.get("allowPrivilegeEscalation") is not False:
                yield f"{each['name']} may gain rights: set allowPrivilegeEscalation to false"
            if own.get("privileged"):
                yield f"{each['name']} is privileged"
            if list((own.get("capabilities") or {}).get("drop") or []) != ["ALL"]:
                yield f"{each['name']} keeps capabilities: drop ALL"
            if (merged.get("seccompProfile") or {}).get("type") not in ("RuntimeDefault", "Localhost"):
                yield f"{each['name']} has no seccomp profile: set RuntimeDefault"


def writes_only_to_volumes(properties: Properties) -> Iterator[str]:
    """Require a read-only root file system."""
    for spec in pod_of(properties):
        for each in containers(spec):
            if (each.get("securityContext") or {}).get("readOnlyRootFilesystem") is not True:
                yield f"{each['name']} may write to its image: set readOnlyRootFilesystem, and mount what it writes to"


def asks_and_is_bounded(properties: Properties) -> Iterator[str]:
    """Require CPU and memory requests and limits, so that one pod can't starve a node."""
    for spec in pod_of(properties):
        for each in containers(spec):
            resources = each.get("resources") or {}
            for part in ("requests", "limits"):
                missing = {"cpu", "memory"} - set(resources.get(part) or {})
                if missing:
                    yield f"{each['name']} has no {part} of {' and '.join(sorted(missing))}"


def has_a_fixed_image(properties: Properties) -> Iterator[str]:
    """Require a version tag or a digest, so that what was tested is what runs."""
    for spec in pod_of(properties):
        for each in containers(spec):
            image = str(each.get("image", ""))
            tag = image.rsplit("/", 1)[-1].partition(":")[2].partition("@")[0]
            if "@sha256:" not in image and (not tag or tag in FLOATING):
                yield f"{each['name']}'s image {image} may change: name a version or a digest"


def stays_off_the_host(properties: Properties) -> Iterator[str]:
    """Forbid host network, PID, IPC and hostPath volumes."""
    for spec in pod_of(properties):
        for part in ("hostNetwork", "hostPID", "hostIPC"):
            if spec.get(part):
                yield f"{workload_name(properties)} uses {part}"
        for volume in spec.get("volumes") or ():
            if volume.get("hostPath"):
                yield f"{workload_name(properties)} mounts the host's {volume['hostPath'].get('path')}"


def shows_no_token(properties: Properties) -> Iterator[str]:
    """Allow a mounted API token only with a service account of the pod's own."""
    for spec in pod_of(properties):
        if spec.get("automountServiceAccountToken") is not False and not spec.get("serviceAccountName"):
            yield f"{workload_name(properties)} mounts the default account's token: set automountServiceAccountToken to false"


def holds_no_secret_in_plain(properties: Properties) -> Iterator[str]:
    """Require that environment variables named like a password come from a Secret."""
    for spec in pod_of(properties):
        for each in containers(spec):
            for variable in each.get("env") or ():
                if SECRET_NAME.search(str(variable.get("name"))) and _plain(variable.get("value")):
                    yield f"{each['name']}'s {variable['name']} stands in plain text: take it by secretKeyRef"
    if properties.get("kind") == "ConfigMap":
        for name in properties.get("data") or {}:
            if SECRET_NAME.search(str(name)):
                yield f"the ConfigMap's {name} stands in plain text: make it a Secret"


def grants_no_wildcard(properties: Properties) -> Iterator[str]:
    """Forbid wildcards in roles."""
    if properties.get("kind") in ("Role", "ClusterRole"):
        for rule in properties.get("rules") or ():
            for part in ("apiGroups", "resources", "verbs"):
                if WILD in (rule.get(part) or ()):
                    yield f"{workload_name(properties)} grants all {part}: name them"
    role = (properties.get("roleRef") or {}).get("name")
    if properties.get("kind") == "ClusterRoleBinding" and role == "cluster-admin":
        yield f"{workload_name(properties)} makes a cluster-admin"


def is_not_reached_from_outside(properties: Properties) -> Iterator[str]:
    """Allow only ClusterIP services; people come through an ingress of their own or port-forward."""
    if properties.get("kind") == "Service":
        kind = (properties.get("spec") or {}).get("type") or "ClusterIP"
        if kind in ("NodePort", "LoadBalancer"):
            yield f"{workload_name(properties)} is a {kind}: make it a ClusterIP"


def every_namespace_denies(resources: Sequence[Properties]) -> Iterator[tuple[int, str]]:
    """Require a default-deny NetworkPolicy in each namespace; yield the namespace's index with the violation."""
    closed = {
        (each.get("metadata") or {}).get("namespace")
        for each in resources
        if each.get("kind") == "NetworkPolicy" and _denies_all(each.get("spec") or {})
    }
    for place, each in enumerate(resources):
        if each.get("kind") == "Namespace" and (each.get("metadata") or {}).get("name") not in closed:
            yield place, f"the namespace {workload_name(each)} has no NetworkPolicy that denies by default"


def _denies_all(spec: Properties) -> bool:
    selector = spec.get("podSelector") or {}
    everybody = not (selector.get("matchLabels") or selector.get("matchExpressions"))
    both = {"Ingress", "Egress"} <= set(spec.get("policyTypes") or ())
    return everybody and both and not spec.get("ingress") and not spec.get("egress")


def _plain(value: object) -> bool:
    """Return whether an environment value is a literal: neither empty nor a reference such as `$(NAME)`."""
    return isinstance(value, str) and value != "" and "$(" not in value


OF_OBJECTS: tuple[Rule, ...] = (
    runs_as_nobody,
    writes_only_to_volumes,
    asks_and_is_bounded,
    has_a_fixed_image,
    stays_off_the_host,
    shows_no_token,
    holds_no_secret_in_plain,
    grants_no_wildcard,
    is_not_reached_from_outside,
)
