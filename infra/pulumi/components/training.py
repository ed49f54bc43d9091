"""Training on demand: a Job that makes the pairs, starts a TrainJob, and logs its adapter in MLflow.

kubectl -n codeintel create job --from=cronjob/training NAME
"""

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.components.assistant import environment
from infra.pulumi.components.learning import base_model
from infra.pulumi.names import (
    MODEL_CACHE_CLAIM,
    QDRANT_READER,
    WORKSPACE_CLAIM,
    Namespace,
    SecretKey,
)
from infra.pulumi.parts.rights import grant
from infra.pulumi.parts.site import Site
from infra.pulumi.parts.workload import (
    NEVER,
    TMP,
    Limits,
    Pod,
    claimed,
    container,
    nightly,
    on_gpu_node,
    scratch,
    template,
)
from ml.training.runtime import MODELS_MOUNT, WORKSPACE_MOUNT

APP = "training"
SPACE = Namespace.ASSISTANT
API = "trainer.kubeflow.org"
# What Kubeflow's client calls in a job's life.
RIGHTS = (
    (API, "trainingruntimes", ("get",)),
    (API, "trainjobs", ("create", "get", "delete")),
    ("", "pods", ("list",)),
    ("", "pods/log", ("get",)),
)
LEFT_OUT = ("CODEINTEL_LLM_", "CODEINTEL_API_KEY", "CODEINTEL_OTLP_")


class Training(pulumi.ComponentResource):
    """The Job's template, on the volumes that its TrainJob mounts at the same paths, and its rights."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Training", "training", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        account = k8s.core.v1.ServiceAccount("training", metadata=site.meta(APP, SPACE), opts=mine)
        after = pulumi.ResourceOptions(
            parent=self, depends_on=[account, *grant(site, APP, SPACE, _rules(), mine, "training")]
        )
        nightly(site, APP, SPACE, NEVER, template(APP, _pod(site)), after, retries=0, suspended=True)
        self.register_outputs({})


def _rules() -> list[k8s.rbac.v1.PolicyRuleArgs]:
    return [
        k8s.rbac.v1.PolicyRuleArgs(api_groups=[group], resources=[kind], verbs=list(verbs))
        for group, kind, verbs in RIGHTS
    ]


def _pod(site: Site) -> Pod:
    """Return the pod: on the GPU node, because only one node can mount the volumes at a time."""
    steps = [
        container(
            name,
            site.image("trainer"),
            Limits("500m", "1Gi", "4Gi"),
            command=["codeintel", name],
            env=client_environment(site),
            mounts={"models": MODELS_MOUNT, "workspace": WORKSPACE_MOUNT, "tmp": TMP},
        )
        for name in ("dataset", "train")
    ]
    pod = Pod(
        steps[1:],
        init=steps[:1],
        volumes=[claimed("models", MODEL_CACHE_CLAIM), claimed("workspace", WORKSPACE_CLAIM), scratch("tmp", "1Gi")],
        account=APP,
        restart="Never",
    )
    return on_gpu_node(site, pod)


def client_environment(site: Site) -> dict[str, str | SecretKey]:
    """Return the settings: what the TrainJob reads and writes is on the volume that both mount."""
    known = {name: value for name, value in environment(site, QDRANT_READER).items() if not name.startswith(LEFT_OUT)}
    base = base_model(site)
    return {
        **known,
        **({"CODEINTEL_BASE_MODEL": base} if base else {}),
        "CODEINTEL_DATA_DIR": WORKSPACE_MOUNT,
        "CODEINTEL_TRAINER": "kubernetes",
        "CODEINTEL_TRAINER_NAMESPACE": SPACE,
        "XDG_CACHE_HOME": f"{WORKSPACE_MOUNT}/cache",  # the embedded base model, once it is converted
        "HF_HOME": MODELS_MOUNT,
    }
