"""The two InferenceServices, in Knative mode: the production model, and a test of autoscaling.

The production model takes every slice, as a lock on the card, so a new pod can't start beside the old one: Knative
would wait for a slice that the old pod holds until the new one is ready (knative/serving#12551). An adapter needs no new
pod, vLLM loads it by name; another base model or image replaces the whole InferenceService, the old one first (ADR 0011).
A canary is for GPUs with room for two pods: `canary_percent` asks for half of the slices at most.
"""

from dataclasses import dataclass, field
from typing import Any

from ml.serving.runtime import ADAPTERS, FORMAT, LOADING_SECONDS, PORT, RUNTIME, restricted_security_context, to_plain
from ml.training.runtime import SLICES

GPU = "nvidia.com/gpu"
KNATIVE = {
    "serving.kserve.io/deploymentMode": "Knative",
    "autoscaling.knative.dev/class": "kpa.autoscaling.knative.dev",
}
DEADLINE = "serving.knative.dev/progress-deadline"
REQUEST_SECONDS = 600  # Knative's maximum for a revision, in our config-defaults
CPU_CACHE = {"VLLM_CPU_KVCACHE_SPACE": "1"}  # GiB of the pod's memory; by default vLLM takes a share of the node's
WAITING_SECONDS = (
    86_400  # a new production model may find a training on the card, and Knative gives up a revision for good
)
KEPT_FREE = 0.08  # share of a card's memory, for CUDA itself
WORKING_BYTES = 3 << 29  # beside weights and KV cache: CUDA's context, activations, buffers
LEAST_CACHE_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class Cards:
    """The cards of the GPU node: their number, the time-slices that each is offered as, and each one's memory in bytes."""

    number: int = 1
    slices: int = SLICES
    memory: int = 24 * 10**9

    @property
    def offered(self) -> int:
        """How many `nvidia.com/gpu` the node has."""
        return self.number * self.slices

    def share(self, gpus: int) -> float:
        """Return the share of a card's memory that a pod of so many slices may take: slices don't isolate memory.

        The device plugin spreads a pod's slices over the cards: it has at least this many on each.
        """
        return round((1 - KEPT_FREE) * max(1, gpus // self.number) / self.slices, 3)

    def cache_bytes(self, gpus: int, weights: int) -> int:
        """Return the bytes of KV cache that such a pod may take beside its weights."""
        return int(self.share(gpus) * self.memory) - weights - WORKING_BYTES


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model's pod runs, and its resources; `gpus` are time-slices, 0 means CPU only.

    `priority_class` decides who gets the card, and who gives way.
    """

    gpus: int
    cpu: str = "2"
    memory: str = "24Gi"
    priority_class: str | None = None
    node_selector: dict[str, str] = field(default_factory=lambda: {"nvidia.com/gpu.present": "true"})
    tolerated_taints: tuple[str, ...] = (GPU,)
    runtime_class: str | None = "nvidia"
    cpu_limit: str = "4"


@dataclass(frozen=True, slots=True)
class AdapterSource:
    """Where adapters come from: an MLflow server, polled by a sidecar of this image (ml.adapters.sidecar)."""

    image: str
    mlflow_url: str
    size: str = "10Gi"


@dataclass(frozen=True, slots=True)
class ProductionArgs:
    """The production model: its base, the source of its adapters, and the cards that it is split over.

    `tensor_parallel` has to divide the model's attention heads; `speculate` is the number of tokens guessed from the
    prompt (answers quote code from it); `canary_percent` is the percentage of requests sent to the new revision.
    """

    name: str
    base: str
    placement: Placement
    cards: Cards = Cards()
    tensor_parallel: int = 1
    namespace: str = "codeintel-models"
    adapters: AdapterSource | None = None
    adapter_rank: int = 16
    context_tokens: int = 16_384
    speculate: int = 4
    canary_percent: int | None = None


@dataclass(frozen=True, slots=True)
class AutoscalingArgs:
    """The autoscaling test: a small model, one slice per pod, and one more pod per `concurrency` concurrent requests.

    `weights` is an upper bound of their size in bytes.
    """

    base: str
    placement: Placement
    weights: int = 1 << 30
    cards: Cards = Cards()
    name: str = "autoscaling-test"
    namespace: str = "codeintel-models"
    min_replicas: int = 0
    max_replicas: int = 5
    concurrency: int = 4
    context_tokens: int = 2_048


def production_model(args: ProductionArgs) -> dict[str, Any]:
    """Return the production model's InferenceService. Raise ValueError for a canary without slices of its own."""
    if args.canary_percent is not None and 2 * args.placement.gpus > args.cards.offered:
        raise ValueError("a canary needs slices of its own: give the production model at most half of them")
    flags = [
        *_vllm(args.placement.gpus, args.cards, args.context_tokens),
        *([f"--tensor-parallel-size={args.tensor_parallel}"] if args.tensor_parallel > 1 else []),
        "--enable-lora",
        "--max-loras=2",  # the old adapter and the new one, during a roll-over
        f"--max-lora-rank={args.adapter_rank}",
        "--enable-prefix-caching",
    ]
    if args.speculate:
        guess = f'{{"method": "ngram", "num_speculative_tokens": {args.speculate}, "prompt_lookup_max": 4}}'
        flags.append(f"--speculative-config={guess}")
    scaling = {"min_replicas": 1, "max_replicas": 1 if args.canary_percent is None else 2}
    environment = {"VLLM_ALLOW_RUNTIME_LORA_UPDATING": "True"}
    if args.adapters:
        environment |= {"VLLM_PLUGINS": "lora_filesystem_resolver", "VLLM_LORA_RESOLVER_CACHE_DIR": ADAPTERS}
    predictor = _predictor(args.base, args.placement, flags, environment)
    if args.adapters:
        predictor |= _with_adapters(predictor["model"], args.name, args.adapters)
    return _service(
        args.name,
        args.namespace,
        {**predictor, **scaling, "canary_traffic_percent": args.canary_percent},
        {DEADLINE: f"{WAITING_SECONDS}s"},
    )


def autoscaling_model(args: AutoscalingArgs) -> dict[str, Any]:
    """Return the autoscaling test's InferenceService: KPA by concurrency, down to `min_replicas`, where it also begins.

    Pods that start together would take each other's memory for their own when they measure what is left, so the size of
    the KV cache is fixed. Without CUDA graphs a pod is ready sooner, and scaling is what the test is about.
    """
    flags = _vllm(args.placement.gpus, args.cards, args.context_tokens)
    if args.placement.gpus:
        cache = args.cards.cache_bytes(args.placement.gpus, args.weights)
        flags += [f"--kv-cache-memory-bytes={cache}", "--enforce-eager"]
    scaling = {
        "min_replicas": args.min_replicas,
        "max_replicas": args.max_replicas,
        "scale_metric": "concurrency",
        "scale_target": args.concurrency,
        "container_concurrency": 2 * args.concurrency,
    }
    # 100 % of the target instead of the default 70 %: a pod is added when the others are fully used.
    annotations = {
        "autoscaling.knative.dev/target-utilization-percentage": "100",
        "autoscaling.knative.dev/initial-scale": str(args.min_replicas),
        DEADLINE: f"{LOADING_SECONDS}s",
    }
    predictor = _predictor(args.base, args.placement, flags, {})
    return _service(args.name, args.namespace, {**predictor, **scaling}, annotations)


def _vllm(gpus: int, cards: Cards, tokens: int) -> list[str]:
    share = [f"--gpu-memory-utilization={cards.share(gpus)}"] if gpus else []
    return [*share, f"--max-model-len={tokens}"]


def _service(name: str, namespace: str, predictor: dict[str, Any], annotations: dict[str, str]) -> dict[str, Any]:
    from kserve import V1beta1InferenceService, V1beta1InferenceServiceSpec, V1beta1PredictorSpec

    made = V1beta1InferenceService(
        api_version="serving.kserve.io/v1beta1",
        kind="InferenceService",
        metadata={"name": name, "namespace": namespace, "annotations": {**KNATIVE, **annotations}},
        spec=V1beta1InferenceServiceSpec(predictor=V1beta1PredictorSpec(timeout=REQUEST_SECONDS, **predictor)),
    )
    return to_plain(made)


def _predictor(base: str, placement: Placement, flags: list[str], environment: dict[str, str]) -> dict[str, Any]:
    from kserve import V1beta1ModelFormat, V1beta1ModelSpec
    from kubernetes import client

    environment = environment if placement.gpus else {**environment, **CPU_CACHE}
    asked: dict[str, str] = {"cpu": placement.cpu, "memory": placement.memory}
    if placement.gpus:
        asked[GPU] = str(placement.gpus)
    model = V1beta1ModelSpec(
        model_format=V1beta1ModelFormat(name=FORMAT),
        runtime=RUNTIME,
        storage_uri=base,
        args=flags,
        env=[client.V1EnvVar(name=name, value=value) for name, value in environment.items()] or None,
        resources=client.V1ResourceRequirements(requests=asked, limits={**asked, "cpu": placement.cpu_limit}),
    )
    return {
        "model": model,
        "node_selector": placement.node_selector or None,
        "runtime_class_name": placement.runtime_class,
        "priority_class_name": placement.priority_class,
        "automount_service_account_token": False,
        "tolerations": [
            client.V1Toleration(key=taint, operator="Exists", effect="NoSchedule")
            for taint in placement.tolerated_taints
        ]
        or None,
    }


def _with_adapters(model: Any, name: str, adapters: AdapterSource) -> dict[str, Any]:
    """Mount the adapters' folder into vLLM, and add the sidecar that fills it, with its volume."""
    from kubernetes import client

    model.volume_mounts = [client.V1VolumeMount(name="adapters", mount_path=ADAPTERS, read_only=True)]
    environment = {
        "CODEINTEL_LLM_URL": f"http://127.0.0.1:{PORT}/v1",
        "CODEINTEL_LLM_MODEL": name,
        "CODEINTEL_LLM_ADAPTER_DIR": ADAPTERS,
        "CODEINTEL_MLFLOW_URL": adapters.mlflow_url,
    }
    bringing = client.V1Container(
        name="adapters",
        image=adapters.image,
        command=["python", "-m", "ml.adapters.sidecar"],
        env=[client.V1EnvVar(name=each, value=value) for each, value in environment.items()],
        resources=client.V1ResourceRequirements(
            requests={"cpu": "10m", "memory": "128Mi"}, limits={"cpu": "1", "memory": "512Mi"}
        ),
        volume_mounts=[client.V1VolumeMount(name="adapters", mount_path=ADAPTERS)],
        security_context=restricted_security_context(),
    )
    folder = client.V1EmptyDirVolumeSource(size_limit=adapters.size)
    return {"containers": [bringing], "volumes": [client.V1Volume(name="adapters", empty_dir=folder)]}
