"""The DevOps role: the TrainingRuntime in which jobs run on a cluster, as data that Pulumi hands to Kubernetes.

Schema: https://github.com/kubeflow/trainer, manifests/base/crds, v2.3.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubeflow_trainer_api.models import IoK8sApiCoreV1Container, IoK8sApiCoreV1PodSpec

GPU = "nvidia.com/gpu"
PACKAGES_MOUNT, MODELS_MOUNT, WORKSPACE_MOUNT = "/packages", "/models", "/workspace"


@dataclass(frozen=True, slots=True)
class RuntimeArgs:
    """What the runtime is made of. Packages go on top of the image's own by an init container (none: baked in).

    `gpus` are the time-slices: all of them, as a lock on the card. The claims are volumes that other objects create:
    the model cache, and the workspace with data sets, checkpoints and adapters.
    """

    image: str
    name: str = "codeintel-lora"
    namespace: str = "codeintel"
    packages: tuple[str, ...] = ("unsloth", "transformers", "trl", "peft")
    gpus: int = 5
    cpu: str = "4"
    memory: str = "24Gi"
    node_selector: dict[str, str] = field(default_factory=lambda: {"nvidia.com/gpu.present": "true"})
    tolerated_taints: tuple[str, ...] = (GPU,)
    model_cache_claim: str = "model-cache"
    workspace_claim: str = "training-workspace"
    restarts: int = 3


def training_runtime(args: RuntimeArgs) -> dict[str, Any]:
    """Gives the TrainingRuntime object as plain data, checked by Kubeflow's typed models.

    A restarted job goes on from its last checkpoint, hence `restarts`.
    """
    from kubeflow_trainer_api import models

    step = {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    node = models.JobsetV1alpha2ReplicatedJob(
        name="node",
        template=models.IoK8sApiBatchV1JobTemplateSpec(
            metadata=models.IoK8sApimachineryPkgApisMetaV1ObjectMeta(labels=step),
            spec=models.IoK8sApiBatchV1JobSpec(
                backoffLimit=0, template=models.IoK8sApiCoreV1PodTemplateSpec(spec=_pod(args))
            ),
        ),
    )
    jobs = models.JobsetV1alpha2JobSetSpec(
        failurePolicy=models.JobsetV1alpha2FailurePolicy(maxRestarts=args.restarts), replicatedJobs=[node]
    )
    runtime = models.TrainerV1alpha1TrainingRuntime(
        apiVersion="trainer.kubeflow.org/v1alpha1",
        kind="TrainingRuntime",
        metadata=models.IoK8sApimachineryPkgApisMetaV1ObjectMeta(
            name=args.name, namespace=args.namespace, labels={"trainer.kubeflow.org/framework": "torch"}
        ),
        spec=models.TrainerV1alpha1TrainingRuntimeSpec(
            mlPolicy=models.TrainerV1alpha1MLPolicy(numNodes=1, torch=models.TrainerV1alpha1TorchMLPolicySource()),
            template=models.TrainerV1alpha1JobSetTemplateSpec(spec=jobs),
        ),
    )
    return dict(runtime.to_dict())


def _pod(args: RuntimeArgs) -> "IoK8sApiCoreV1PodSpec":
    from kubeflow_trainer_api import models

    claims = {"models": args.model_cache_claim, "workspace": args.workspace_claim}
    volumes = [
        models.IoK8sApiCoreV1Volume(
            name=name, persistentVolumeClaim=models.IoK8sApiCoreV1PersistentVolumeClaimVolumeSource(claimName=claim)
        )
        for name, claim in claims.items()
    ]
    volumes.append(models.IoK8sApiCoreV1Volume(name="packages", emptyDir=models.IoK8sApiCoreV1EmptyDirVolumeSource()))
    return models.IoK8sApiCoreV1PodSpec(
        restartPolicy="Never",
        nodeSelector=args.node_selector,
        tolerations=[
            models.IoK8sApiCoreV1Toleration(key=taint, operator="Exists", effect="NoSchedule")
            for taint in args.tolerated_taints
        ],
        initContainers=[_packages(args)] if args.packages else None,
        containers=[_node(args)],
        volumes=volumes,
    )


def _node(args: RuntimeArgs) -> "IoK8sApiCoreV1Container":
    from kubeflow_trainer_api import models

    quantity = models.IoK8sApimachineryPkgApiResourceQuantity
    demand = {"cpu": quantity(args.cpu), "memory": quantity(args.memory)}
    if args.gpus:
        demand[GPU] = quantity(args.gpus)
    return models.IoK8sApiCoreV1Container(
        name="node",
        image=args.image,
        env=_environment({"HF_HOME": MODELS_MOUNT, "PYTHONUSERBASE": PACKAGES_MOUNT}),
        resources=models.IoK8sApiCoreV1ResourceRequirements(limits=demand, requests=demand),
        volumeMounts=_mounts({"models": MODELS_MOUNT, "workspace": WORKSPACE_MOUNT, "packages": PACKAGES_MOUNT}),
    )


def _packages(args: RuntimeArgs) -> "IoK8sApiCoreV1Container":
    """Gives the container that installs into Python's user base, which leaves what the image has (torch) in place."""
    from kubeflow_trainer_api import models

    return models.IoK8sApiCoreV1Container(
        name="packages",
        image=args.image,
        command=["python", "-m", "pip", "install", "--user", "--quiet", "--no-warn-script-location", *args.packages],
        env=_environment({"PYTHONUSERBASE": PACKAGES_MOUNT, "PIP_BREAK_SYSTEM_PACKAGES": "1"}),
        volumeMounts=_mounts({"packages": PACKAGES_MOUNT}),
    )


def _environment(values: dict[str, str]) -> list[Any]:
    from kubeflow_trainer_api import models

    return [models.IoK8sApiCoreV1EnvVar(name=name, value=value) for name, value in values.items()]


def _mounts(places: dict[str, str]) -> list[Any]:
    from kubeflow_trainer_api import models

    return [models.IoK8sApiCoreV1VolumeMount(name=name, mountPath=place) for name, place in places.items()]
