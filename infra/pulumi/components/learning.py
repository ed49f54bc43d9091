"""Objects that the learning pipeline's stages refer to (ml.pipelines.names), in Kubeflow Pipelines' namespace."""

import hashlib
from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.components.assistant import LANGFUSE_PUBLIC, LANGFUSE_SECRET, environment
from infra.pulumi.components.card import PRIORITIES
from infra.pulumi.names import (
    GPU,
    QDRANT_KEY,
    QDRANT_READER,
    RUNTIME_CLASS,
    Namespace,
    Priority,
    SecretKey,
)
from infra.pulumi.parts.admission import change_pods
from infra.pulumi.parts.hub import hub_token
from infra.pulumi.parts.secret import copied_secret
from infra.pulumi.parts.site import Site
from infra.pulumi.parts.workload import Limits, Pod, claim, claimed, container, on_gpu_node, template
from ml.pipelines.names import (
    READS,
    RECORD_KEYS,
    RECORDS_SECRET,
    RECORDS_URL,
    SETTING_NAMES,
    SETTINGS,
    STAGE,
    STORE_SECRET,
    WORKSPACE,
    WORKSPACE_CLAIM,
    WRITES,
    key,
    variable,
)

SPACE = Namespace.PIPELINES
SEEING = "codeintel-stages-see-the-card"
# The API server has already computed the priority of a pod without a class, and would reject another one than that.
ON_CARD = {
    "runtimeClassName": f'"{RUNTIME_CLASS}"',
    "priorityClassName": f'"{Priority.TRAINING}"',
    "priority": str(PRIORITIES[Priority.TRAINING]),
}
SEE = (
    f'object.spec.containers.exists(each, has(each.resources.limits) && "{GPU}" in each.resources.limits) ? ['
    + ", ".join(f'JSONPatch{{op: "add", path: "/spec/{name}", value: {value}}}' for name, value in ON_CARD.items())
    + "] : []"
)
HUB = "hf://"


class Learning(pulumi.ComponentResource):
    """Settings, secrets, and the workspace volume."""

    def __init__(
        self,
        site: Site,
        vectors: k8s.core.v1.Secret,
        traces: k8s.core.v1.Secret | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("codeintel:platform:Learning", "learning", None, opts)
        self.site, mine = site, pulumi.ResourceOptions(parent=self)
        k8s.core.v1.ConfigMap(SETTINGS, metadata=site.meta(SETTINGS, SPACE), data=stage_settings(site), opts=mine)
        copied_secret(site, vectors, STORE_SECRET, SPACE, {WRITES: QDRANT_KEY.key, READS: QDRANT_READER.key}, mine)
        if traces is not None:
            names = dict(zip(map(key, RECORD_KEYS), (LANGFUSE_PUBLIC.key, LANGFUSE_SECRET.key), strict=True))
            copied_secret(site, traces, RECORDS_SECRET, SPACE, names, mine)
        hub_token(site, SPACE, mine)
        workspace = claim(site, WORKSPACE_CLAIM, SPACE, site.settings.storage.workspace, mine)
        self._hand_over(pulumi.ResourceOptions(parent=self, depends_on=[workspace], delete_before_replace=True))
        if site.settings.stages_see_card:
            change_pods(site, SEEING, SEE, mine, SPACE, STAGE)
        self.register_outputs({})

    def _hand_over(self, opts: pulumi.ResourceOptions) -> None:
        """Start the volume's first pod, on the GPU node: it gives the stages ownership of the volume.

        Kubeflow gives a stage's pod no fsGroup, and the first stage may run on another node.
        """
        image = self.site.image("assistant")
        test = container(
            "test",
            image,
            Limits("50m", "64Mi"),
            command=["test", "-w", WORKSPACE],
            mounts={"workspace": WORKSPACE},
        )
        pod = Pod([test], volumes=[claimed("workspace", WORKSPACE_CLAIM)], restart="OnFailure")
        pod = on_gpu_node(self.site, pod)
        # A Job's template is immutable: another image or node makes another Job.
        digest = hashlib.sha256(f"{image} {pod.node_selector}".encode()).hexdigest()[:8]
        k8s.batch.v1.Job(
            WORKSPACE_CLAIM,
            metadata=self.site.meta(f"{WORKSPACE_CLAIM}-{digest}", SPACE, runs=True),
            spec=k8s.batch.v1.JobSpecArgs(template=template("workspace", pod)),
            opts=opts,
        )


def stage_settings(site: Site) -> Mapping[str, str]:
    """Return the stages' ConfigMap: the assistant's settings, and the model to fine-tune."""
    known: dict[str, str | SecretKey] = environment(site, QDRANT_READER)
    if base := base_model(site):
        known[variable("base_model")] = base
    wanted = {key(name): known.get(variable(name)) for name in (*SETTING_NAMES, RECORDS_URL)}
    return {name: value for name, value in wanted.items() if isinstance(value, str)}


def base_model(site: Site) -> str | None:
    """Return the hub's name of the model to fine-tune, or None for the small one in the image."""
    models = site.settings.models
    return (
        models.base.removeprefix(HUB)
        if site.settings.components.has("models") and models.base.startswith(HUB)
        else None
    )
