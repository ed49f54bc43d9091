"""The ServingRuntime of our vLLM image: the pod template of all models.

Schema: https://github.com/kserve/kserve, config/crd/full, v0.20.
"""

from dataclasses import dataclass
from typing import Any

RUNTIME, FORMAT, PORT = "codeintel-vllm", "vLLM", 8080
CONTAINER = "kserve-container"  # the name by which KServe finds the serving container
ADAPTERS = "/adapters"
USER = 65532
LOADING_SECONDS = 1800  # for 20 GB of weights from a slow disk, and the CUDA graphs


@dataclass(frozen=True, slots=True)
class VllmArgs:
    """The image built from platform/images/vllm, and the namespace of the models."""

    image: str
    namespace: str = "codeintel-models"
    name: str = RUNTIME


def vllm_runtime(args: VllmArgs) -> dict[str, Any]:
    """Return the ServingRuntime: vLLM on port 8080 with the model that KServe mounts at /mnt/models."""
    from kserve import V1alpha1ServingRuntime, V1alpha1ServingRuntimeSpec, V1alpha1SupportedModelFormat

    runtime = V1alpha1ServingRuntime(
        api_version="serving.kserve.io/v1alpha1",
        kind="ServingRuntime",
        metadata={"name": args.name, "namespace": args.namespace},
        spec=V1alpha1ServingRuntimeSpec(
            annotations={"prometheus.kserve.io/path": "/metrics", "prometheus.kserve.io/port": str(PORT)},
            supported_model_formats=[V1alpha1SupportedModelFormat(name=FORMAT, auto_select=False)],
            protocol_versions=["v2"],
            containers=[_server(args.image)],
            volumes=_scratch(),
        ),
    )
    return to_plain(runtime)


def to_plain(thing: object) -> dict[str, Any]:
    """Return an SDK object as the API server expects it: camelCase, without unset fields."""
    from kubernetes.client import ApiClient

    data: dict[str, Any] = ApiClient().sanitize_for_serialization(thing)
    return data


def restricted_security_context() -> Any:
    """Return the security context that Pod Security's level `restricted` requires."""
    from kubernetes import client

    return client.V1SecurityContext(
        allow_privilege_escalation=False,
        read_only_root_filesystem=True,
        run_as_non_root=True,
        run_as_user=USER,
        capabilities=client.V1Capabilities(drop=["ALL"]),
        seccomp_profile=client.V1SeccompProfile(type="RuntimeDefault"),
    )


def _server(image: str) -> Any:
    from kubernetes import client

    offline = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
    writable = {"HF_HOME": "/tmp", "VLLM_CONFIG_ROOT": "/tmp", "VLLM_CACHE_ROOT": "/tmp", "HOME": "/tmp"}  # noqa: S108  a volume
    return client.V1Container(
        name=CONTAINER,
        image=image,
        command=["python3", "-m", "vllm.entrypoints.openai.api_server"],
        args=[f"--port={PORT}", "--model=/mnt/models", "--served-model-name={{.Name}}"],
        env=[client.V1EnvVar(name=name, value=value) for name, value in {**offline, **writable}.items()],
        ports=[client.V1ContainerPort(container_port=PORT, protocol="TCP")],
        readiness_probe=_probe(period=5, failures=2),
        startup_probe=_probe(period=10, failures=LOADING_SECONDS // 10),
        security_context=restricted_security_context(),
        volume_mounts=[
            client.V1VolumeMount(name="tmp", mount_path="/tmp"),  # noqa: S108  a volume
            client.V1VolumeMount(name="shm", mount_path="/dev/shm"),  # noqa: S108  torch's processes share tensors there
        ],
    )


def _probe(period: int, failures: int) -> Any:
    from kubernetes import client

    return client.V1Probe(
        http_get=client.V1HTTPGetAction(path="/health", port=PORT), period_seconds=period, failure_threshold=failures
    )


def _scratch() -> list[Any]:
    from kubernetes import client

    memory = client.V1EmptyDirVolumeSource(medium="Memory", size_limit="2Gi")
    disk = client.V1EmptyDirVolumeSource(size_limit="10Gi")
    return [client.V1Volume(name="shm", empty_dir=memory), client.V1Volume(name="tmp", empty_dir=disk)]
