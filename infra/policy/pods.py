"""Find pod specifications in Pods, workloads with a pod template, CronJobs and TrainingRuntimes."""

from collections.abc import Iterator, Mapping
from typing import Any


def pod_of(properties: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield an object's pod specifications, if it has any."""
    spec = properties.get("spec") or {}
    if properties.get("kind") == "Pod":
        yield spec
        return
    if not isinstance(spec, Mapping):
        return
    if spec.get("jobTemplate"):
        spec = spec["jobTemplate"].get("spec") or {}
    template = spec.get("template")
    inner = (template.get("spec") or {}) if isinstance(template, Mapping) else {}
    if inner.get("containers"):
        yield inner
    for job in inner.get("replicatedJobs") or ():
        yield from pod_of(job["template"])


def containers(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield a pod's containers, init containers included."""
    for part in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(part) or ()


def workload_name(properties: Mapping[str, Any]) -> str:
    """Return an object's human-readable name."""
    return str((properties.get("metadata") or {}).get("name", properties.get("kind", "the object")))
