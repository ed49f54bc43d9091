"""The DevOps engineer's part: the TrainingRuntime in which jobs run on a cluster, as data that Pulumi applies.

Schema: https://github.com/kubeflow/trainer, manifests/base/crds, v2.3.
"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kubeflow_trainer_api.models import (
        IoK8sApiBatchV1PodFailurePolicy,
        IoK8sApiCoreV1Container,
        IoK8sApiCoreV1PodSpec,
        IoK8sApiCoreV1SecurityContext,
    )

GPU = "nvidia.com/gpu"
PACKAGES_MOUNT, MODELS_MOUNT, WORKSPACE_MOUNT = "/packages", "/models", "/workspace"
TMP = "/tmp"  # noqa: S108  a volume of the pod's own
NODE, NOBODY = "node", 65532
PASSIVE = "PASSIVE"  # threads that spin while they wait are three times slower on shared cores

# Time-slices that a card is offered as, unless a stack says otherwise: Kubernetes counts them as GPUs. The one place.
SLICES = 5
HUB_SECRET, HUB_TOKEN = "hugging-face", "HF_TOKEN"  # a Secret and its key, which is also the hub's variable


@dataclass(frozen=True, slots=True)
class RuntimeArgs:
    """The parts of the runtime. An init container adds packages to the image's own (none: baked in).

    `gpus` are the time-slices: all of them, as a lock on the GPU. The claims are volumes that other objects create:
    the model cache, and the workspace with data sets, checkpoints and adapters.
    """

    image: str
    name: str = "codeintel-lora"
    namespace: str = "codeintel"
    packages: tuple[str, ...] = ("unsloth", "transformers", "trl", "peft")
    gpus: int = SLICES
    cpu: str = "4"
    memory: str = "24Gi"
    node_selector: dict[str, str] = field(default_factory=lambda: {"nvidia.com/gpu.present": "true"})
    tolerated_taints: tuple[str, ...] = (GPU,)
    runtime_class: str | None = "nvidia"  # without it a pod gets its slices but sees no GPU
    priority_class: str | None = None  # which decides who gives way on the card
    model_cache_claim: str = "model-cache"
    workspace_claim: str = "training-workspace"
    restarts: int = 3


def training_runtime(args: RuntimeArgs) -> dict[str, Any]:
    """Return the TrainingRuntime object as plain data, checked by Kubeflow's typed models.

    A killed job is restarted up to `restarts` times, and resumes from its last checkpoint; one that failed on its own
    (Python's exit code 1) would only fail again. It is one plain process: torchrun, which Trainer's policy for torch uses,
    starts one per core if it sees no GPU, and all of them would write to the same output.
    """
    from kubeflow_trainer_api import models

    step = {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    node = models.JobsetV1alpha2ReplicatedJob(
        name=NODE,
        template=models.IoK8sApiBatchV1JobTemplateSpec(
            metadata=models.IoK8sApimachineryPkgApisMetaV1ObjectMeta(labels=step),
            spec=models.IoK8sApiBatchV1JobSpec(
                backoffLimit=0,
                podFailurePolicy=_gave_up(),
                template=models.IoK8sApiCoreV1PodTemplateSpec(spec=_pod(args)),
            ),
        ),
    )
    hopeless = models.JobsetV1alpha2FailurePolicyRule(
        name="gaveUp", action="FailJobSet", onJobFailureReasons=["PodFailurePolicy"]
    )
    jobs = models.JobsetV1alpha2JobSetSpec(
        failurePolicy=models.JobsetV1alpha2FailurePolicy(maxRestarts=args.restarts, rules=[hopeless]),
        replicatedJobs=[node],
    )
    runtime = models.TrainerV1alpha1TrainingRuntime(
        apiVersion="trainer.kubeflow.org/v1alpha1",
        kind="TrainingRuntime",
        metadata=models.IoK8sApimachineryPkgApisMetaV1ObjectMeta(
            name=args.name, namespace=args.namespace, labels={"trainer.kubeflow.org/framework": "torch"}
        ),
        spec=models.TrainerV1alpha1TrainingRuntimeSpec(
            mlPolicy=models.TrainerV1alpha1MLPolicy(numNodes=1),
            template=models.TrainerV1alpha1JobSetTemplateSpec(spec=jobs),
        ),
    )
    return dict(runtime.to_dict())


def _gave_up() -> "IoK8sApiBatchV1PodFailurePolicy":
    """Fail a Job with the reason PodFailurePolicy if its code exited with an error."""
    from kubeflow_trainer_api import models

    own_error = models.IoK8sApiBatchV1PodFailurePolicyOnExitCodesRequirement(
        containerName=NODE, operator="In", values=[1]
    )
    rule = models.IoK8sApiBatchV1PodFailurePolicyRule(action="FailJob", onExitCodes=own_error)
    return models.IoK8sApiBatchV1PodFailurePolicy(rules=[rule])


def _pod(args: RuntimeArgs) -> "IoK8sApiCoreV1PodSpec":
    """Return the pod as the Pod Security level `restricted` requires it; its user owns the volumes."""
    from kubeflow_trainer_api import models

    claims = {"models": args.model_cache_claim, "workspace": args.workspace_claim}
    volumes = [
        models.IoK8sApiCoreV1Volume(
            name=name, persistentVolumeClaim=models.IoK8sApiCoreV1PersistentVolumeClaimVolumeSource(claimName=claim)
        )
        for name, claim in claims.items()
    ]
    volumes += [
        models.IoK8sApiCoreV1Volume(name=name, emptyDir=models.IoK8sApiCoreV1EmptyDirVolumeSource())
        for name in ("packages", "tmp")
    ]
    return models.IoK8sApiCoreV1PodSpec(
        restartPolicy="Never",
        runtimeClassName=args.runtime_class,
        priorityClassName=args.priority_class,
        automountServiceAccountToken=False,
        enableServiceLinks=False,
        terminationGracePeriodSeconds=1,  # the shell that Trainer's client starts does not forward signals
        securityContext=models.IoK8sApiCoreV1PodSecurityContext(
            runAsNonRoot=True,
            runAsUser=NOBODY,
            runAsGroup=NOBODY,
            fsGroup=NOBODY,
            fsGroupChangePolicy="OnRootMismatch",
            seccompProfile=models.IoK8sApiCoreV1SeccompProfile(type="RuntimeDefault"),
        ),
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
    paths = {"HOME": TMP, "HF_HOME": MODELS_MOUNT, "PYTHONUSERBASE": PACKAGES_MOUNT}
    return models.IoK8sApiCoreV1Container(
        name=NODE,
        image=args.image,
        workingDir=TMP,  # where Trainer's client makes the shell write the function
        env=[*_environment(paths | {"OMP_WAIT_POLICY": PASSIVE}), _token()],
        resources=models.IoK8sApiCoreV1ResourceRequirements(limits=demand, requests=demand),
        securityContext=_confined(),
        volumeMounts=_mounts(
            {"models": MODELS_MOUNT, "workspace": WORKSPACE_MOUNT, "packages": PACKAGES_MOUNT, "tmp": TMP}
        ),
    )


def _packages(args: RuntimeArgs) -> "IoK8sApiCoreV1Container":
    """Return the container that installs into Python's user base, which keeps the image's packages (torch)."""
    from kubeflow_trainer_api import models

    return models.IoK8sApiCoreV1Container(
        name="packages",
        image=args.image,
        command=["python", "-m", "pip", "install", "--user", "--quiet", "--no-warn-script-location", *args.packages],
        env=_environment({"HOME": TMP, "PYTHONUSERBASE": PACKAGES_MOUNT, "PIP_BREAK_SYSTEM_PACKAGES": "1"}),
        securityContext=_confined(),
        volumeMounts=_mounts({"packages": PACKAGES_MOUNT, "tmp": TMP}),
    )


def _confined() -> "IoK8sApiCoreV1SecurityContext":
    """Return a security context without privilege escalation, and writable only where mounted."""
    from kubeflow_trainer_api import models

    return models.IoK8sApiCoreV1SecurityContext(
        allowPrivilegeEscalation=False,
        readOnlyRootFilesystem=True,
        capabilities=models.IoK8sApiCoreV1Capabilities(drop=["ALL"]),
    )


def _environment(values: dict[str, str]) -> list[Any]:
    from kubeflow_trainer_api import models

    return [models.IoK8sApiCoreV1EnvVar(name=name, value=value) for name, value in values.items()]


def _token() -> Any:
    """Return the variable with the hub's token, where there is one."""
    from kubeflow_trainer_api import models

    source = models.IoK8sApiCoreV1SecretKeySelector(name=HUB_SECRET, key=HUB_TOKEN, optional=True)
    return models.IoK8sApiCoreV1EnvVar(name=HUB_TOKEN, valueFrom=models.IoK8sApiCoreV1EnvVarSource(secretKeyRef=source))


def _mounts(places: dict[str, str]) -> list[Any]:
    from kubeflow_trainer_api import models

    return [models.IoK8sApiCoreV1VolumeMount(name=name, mountPath=place) for name, place in places.items()]
