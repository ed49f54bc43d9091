"""Finds pods in whatever carries them: a Pod, what has a template, what has a template of jobs, a TrainingRuntime."""

from collections.abc import Iterator, Mapping
from typing import Any


def pod_of(properties: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the specifications of an object's pods, if it has any."""
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
    """Yield a pod's containers, those that run first included."""
    for part in ("initContainers", "containers", "ephemeralContainers"):
        yield from spec.get(part) or ()


def workload_name(properties: Mapping[str, Any]) -> str:
    """Return the name that a person knows an object by."""
    return str((properties.get("metadata") or {}).get("name", properties.get("kind", "the object")))
