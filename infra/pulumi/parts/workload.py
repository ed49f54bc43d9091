"""Pods that satisfy the Pod Security level `restricted`, and services in front of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import APP_LABEL, GPU, GPU_PRESENT, SecretKey, Service
from infra.pulumi.parts.secret import checksum
from infra.pulumi.parts.site import SKIP_AWAIT, Site

TMP = "/tmp"  # noqa: S108  a volume of its own in each container
NEVER = "0 0 1 1 *"  # for a suspended CronJob, which needs a schedule all the same
USER = 65532  # distroless images' user, for images that set none


@dataclass(frozen=True)
class Limits:
    """CPU and memory requests, and the memory limit; CPU has no limit."""

    cpu: str
    memory: str
    memory_limit: str | None = None
    cpu_limit: str | None = None


@dataclass(frozen=True)
class Pod:
    """The parts of a pod; its user owns the volumes."""

    containers: Sequence[k8s.core.v1.ContainerArgs]
    init: Sequence[k8s.core.v1.ContainerArgs] = ()
    volumes: Sequence[k8s.core.v1.VolumeArgs] = ()
    account: str | None = None  # the pod's own service account, whose token is mounted; without one, no token
    user: int = USER
    restart: Literal["Always", "OnFailure", "Never"] = "Always"
    grace_seconds: int | None = None
    tolerations: Sequence[k8s.core.v1.TolerationArgs] = field(default_factory=tuple)
    node_selector: Mapping[str, str] = field(default_factory=dict)
    beside: str | None = None  # the pod whose node it must share, because they share a volume
    reads: Sequence[k8s.core.v1.Secret] = ()  # a change of these restarts it
    apart: bool = False  # whether pods of its app have a node each


def on_gpu_node(site: Site, pod: Pod) -> Pod:
    """Return the pod on the GPU node, whose taint it tolerates; without a GPU, on any."""
    card = k8s.core.v1.TolerationArgs(key=GPU, operator="Exists", effect="NoSchedule")
    return replace(pod, tolerations=[card], node_selector={GPU_PRESENT: "true"} if site.settings.has_gpu else {})


def container(
    name: str,
    image: str,
    limits: Limits,
    *,
    command: Sequence[str] | None = None,
    args: Sequence[str] | None = None,
    env: Mapping[str, str | SecretKey] | None = None,
    ports: Mapping[str, int] | None = None,
    mounts: Mapping[str, str] | None = None,
    ready: k8s.core.v1.ProbeArgs | None = None,
    alive: k8s.core.v1.ProbeArgs | None = None,
    start: k8s.core.v1.ProbeArgs | None = None,
) -> k8s.core.v1.ContainerArgs:
    """Return a container that can't gain privileges and writes only to mounts."""
    asked = {"cpu": limits.cpu, "memory": limits.memory}
    bound = {"cpu": limits.cpu_limit or _fourfold(limits.cpu), "memory": limits.memory_limit or limits.memory}
    return k8s.core.v1.ContainerArgs(
        name=name,
        image=image,
        command=list(command) if command else None,
        args=list(args) if args else None,
        env=[_variable(key, value) for key, value in (env or {}).items()] or None,
        ports=[k8s.core.v1.ContainerPortArgs(name=key, container_port=port) for key, port in (ports or {}).items()]
        or None,
        volume_mounts=[k8s.core.v1.VolumeMountArgs(name=key, mount_path=place) for key, place in (mounts or {}).items()]
        or None,
        resources=k8s.core.v1.ResourceRequirementsArgs(requests=asked, limits=bound),
        readiness_probe=ready,
        liveness_probe=alive,
        startup_probe=start,
        security_context=k8s.core.v1.SecurityContextArgs(
            allow_privilege_escalation=False,
            read_only_root_filesystem=True,
            capabilities=k8s.core.v1.CapabilitiesArgs(drop=["ALL"]),
        ),
    )


def pod_spec(pod: Pod, app: str = "") -> k8s.core.v1.PodSpecArgs:
    """Return the specification of an app's pod that runs as an unprivileged user."""
    return k8s.core.v1.PodSpecArgs(
        service_account_name=pod.account,
        automount_service_account_token=pod.account is not None,
        enable_service_links=False,
        restart_policy=pod.restart,
        termination_grace_period_seconds=pod.grace_seconds,
        tolerations=list(pod.tolerations) or None,
        node_selector=dict(pod.node_selector) or None,
        affinity=_affinity(app, pod),
        security_context=k8s.core.v1.PodSecurityContextArgs(
            run_as_non_root=True,
            run_as_user=pod.user,
            run_as_group=pod.user,
            fs_group=pod.user,
            fs_group_change_policy="OnRootMismatch",
            seccomp_profile=k8s.core.v1.SeccompProfileArgs(type="RuntimeDefault"),
        ),
        init_containers=list(pod.init) or None,
        containers=list(pod.containers),
        volumes=list(pod.volumes) or None,
    )


def _affinity(app: str, pod: Pod) -> k8s.core.v1.AffinityArgs | None:
    """Return an affinity to the node of a StatefulSet's pod, or away from the nodes of the app's other pods."""
    if pod.beside:
        wanted = [_on_node_of({"statefulset.kubernetes.io/pod-name": pod.beside})]
        together = k8s.core.v1.PodAffinityArgs(required_during_scheduling_ignored_during_execution=wanted)
        return k8s.core.v1.AffinityArgs(pod_affinity=together)
    if pod.apart:
        unwanted = [_on_node_of({APP_LABEL: app})]
        apart = k8s.core.v1.PodAntiAffinityArgs(required_during_scheduling_ignored_during_execution=unwanted)
        return k8s.core.v1.AffinityArgs(pod_anti_affinity=apart)
    return None


def _on_node_of(labels: Mapping[str, str]) -> k8s.core.v1.PodAffinityTermArgs:
    return k8s.core.v1.PodAffinityTermArgs(
        topology_key="kubernetes.io/hostname", label_selector=k8s.meta.v1.LabelSelectorArgs(match_labels=dict(labels))
    )


def template(app: str, pod: Pod) -> k8s.core.v1.PodTemplateSpecArgs:
    """Return a pod template with the label that services and policies select."""
    return k8s.core.v1.PodTemplateSpecArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(labels={APP_LABEL: app}, annotations=checksum(pod.reads) or None),
        spec=pod_spec(pod, app),
    )


def nightly(
    site: Site,
    name: str,
    namespace: str,
    schedule: str,
    pod: k8s.core.v1.PodTemplateSpecArgs,
    opts: pulumi.ResourceOptions,
    retries: int = 2,
    longest_seconds: int | None = None,
    kept_seconds: int | None = None,
    time_zone: str | None = None,
    suspended: bool = False,
) -> k8s.batch.v1.CronJob:
    """Return a CronJob that never runs twice at once; `schedule` is in cron's format.

    A suspended one runs by `kubectl create job --from` alone; its jobs are removed after `kept_seconds`.
    """
    job = k8s.batch.v1.JobSpecArgs(
        backoff_limit=retries,
        active_deadline_seconds=longest_seconds,
        ttl_seconds_after_finished=kept_seconds,
        template=pod,
    )
    return k8s.batch.v1.CronJob(
        name,
        metadata=site.meta(name, namespace),
        spec=k8s.batch.v1.CronJobSpecArgs(
            schedule=schedule,
            time_zone=time_zone,
            suspend=suspended or None,
            concurrency_policy="Forbid",
            job_template=k8s.batch.v1.JobTemplateSpecArgs(spec=job),
        ),
        opts=opts,
    )


def selector(app: str) -> k8s.meta.v1.LabelSelectorArgs:
    """Return the selector of an app's pods."""
    return k8s.meta.v1.LabelSelectorArgs(match_labels={APP_LABEL: app})


def service(
    site: Site,
    of: Service,
    opts: pulumi.ResourceOptions,
    more_ports: Mapping[str, int] | None = None,
) -> k8s.core.v1.Service:
    """Return the service of an app's pods, on the pods' ports. It is not awaited: the pods' own workload is."""
    ports = {"http": of.port, **(more_ports or {})}
    return k8s.core.v1.Service(
        f"{of.namespace}-{of.name}",
        metadata=site.meta(of.name, of.namespace, {APP_LABEL: of.name}, SKIP_AWAIT),
        spec=k8s.core.v1.ServiceSpecArgs(
            selector={APP_LABEL: of.name},
            ports=[k8s.core.v1.ServicePortArgs(name=name, port=port, target_port=port) for name, port in ports.items()],
        ),
        opts=opts,
    )


def claim(
    site: Site, name: str, namespace: str, size: str, opts: pulumi.ResourceOptions
) -> k8s.core.v1.PersistentVolumeClaim:
    """Return a PersistentVolumeClaim; it is not awaited, because many classes bind it to the first pod's node."""
    return k8s.core.v1.PersistentVolumeClaim(
        f"{namespace}-{name}",
        metadata=site.meta(name, namespace, annotations={"pulumi.com/skipAwait": "true"}),
        spec=claim_spec(site, size),
        opts=opts,
    )


def claim_spec(site: Site, size: str) -> k8s.core.v1.PersistentVolumeClaimSpecArgs:
    """Return a claim's specification: ReadWriteOnce, which is all that a node-local disk offers."""
    return k8s.core.v1.PersistentVolumeClaimSpecArgs(
        access_modes=["ReadWriteOnce"],
        storage_class_name=site.settings.storage.class_name,
        resources=k8s.core.v1.VolumeResourceRequirementsArgs(requests={"storage": size}),
    )


def claim_template(site: Site, name: str, size: str) -> k8s.core.v1.PersistentVolumeClaimArgs:
    """Return a volume claim template of a StatefulSet."""
    return k8s.core.v1.PersistentVolumeClaimArgs(
        metadata=k8s.meta.v1.ObjectMetaArgs(name=name), spec=claim_spec(site, size)
    )


def scratch(name: str, size: str, in_memory: bool = False) -> k8s.core.v1.VolumeArgs:
    """Return an emptyDir volume."""
    return k8s.core.v1.VolumeArgs(
        name=name,
        empty_dir=k8s.core.v1.EmptyDirVolumeSourceArgs(size_limit=size, medium="Memory" if in_memory else None),
    )


def claimed(name: str, claim_name: str) -> k8s.core.v1.VolumeArgs:
    """Return a volume that mounts an existing claim."""
    source = k8s.core.v1.PersistentVolumeClaimVolumeSourceArgs(claim_name=claim_name)
    return k8s.core.v1.VolumeArgs(name=name, persistent_volume_claim=source)


def http_probe(path: str, port: int, period: int = 10, failures: int = 3) -> k8s.core.v1.ProbeArgs:
    """Return an HTTP probe with its period in seconds and how many tries may fail."""
    return k8s.core.v1.ProbeArgs(
        http_get=k8s.core.v1.HTTPGetActionArgs(path=path, port=port), period_seconds=period, failure_threshold=failures
    )


def exec_probe(*command: str, period: int = 10, failures: int = 3) -> k8s.core.v1.ProbeArgs:
    """Return a probe that runs a command in the container."""
    return k8s.core.v1.ProbeArgs(
        exec_=k8s.core.v1.ExecActionArgs(command=list(command)),
        period_seconds=period,
        timeout_seconds=5,
        failure_threshold=failures,
    )


def _variable(name: str, value: str | SecretKey) -> k8s.core.v1.EnvVarArgs:
    if isinstance(value, str):
        return k8s.core.v1.EnvVarArgs(name=name, value=value)
    source = k8s.core.v1.SecretKeySelectorArgs(name=value.secret, key=value.key)
    return k8s.core.v1.EnvVarArgs(name=name, value_from=k8s.core.v1.EnvVarSourceArgs(secret_key_ref=source))


def _fourfold(cpu: str) -> str:
    return f"{4 * int(cpu[:-1])}m" if cpu.endswith("m") else str(4 * int(cpu))
