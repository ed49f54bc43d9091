"""Kubeflow Trainer with JobSet, and the runtime in which our training jobs run: the DevOps half of fine-tuning."""

from dataclasses import replace
from typing import Any

import pulumi

from infra.pulumi.names import MODEL_CACHE_CLAIM, RUNTIME_CLASS, WORKSPACE_CLAIM, Namespace, Priority
from infra.pulumi.parts.chart import release
from infra.pulumi.parts.custom import custom_object
from infra.pulumi.parts.gate import Gate
from infra.pulumi.parts.hub import hub_token
from infra.pulumi.parts.namespace import GuardedNamespace
from infra.pulumi.parts.site import Site
from infra.pulumi.parts.workload import claim
from infra.pulumi.versions import versions
from ml.training.runtime import RuntimeArgs, training_runtime

KINDS = ("trainjobs.trainer.kubeflow.org", "trainingruntimes.trainer.kubeflow.org", "jobsets.jobset.x-k8s.io")


class Trainer(pulumi.ComponentResource):
    """The controllers, and a gate that dry-runs the very runtime created after it."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Trainer", "trainer", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        space = GuardedNamespace(site, Namespace.TRAINER, "restricted", mine)
        after = pulumi.ResourceOptions(parent=self, depends_on=[space])
        chart = release(site, "kubeflow-trainer", Namespace.TRAINER, controller_values(), after)
        sample = code_runtime(site)
        sample["metadata"] = {**sample["metadata"], "namespace": Namespace.GATES}
        Gate(site, "trainer", KINDS, [sample], pulumi.ResourceOptions(parent=self, depends_on=[chart]))
        self.register_outputs({})


class CodeRuntime(pulumi.ComponentResource):
    """The TrainingRuntime and its volumes."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:CodeRuntime", "code-runtime", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        sizes = site.settings.storage
        for name, size in ((MODEL_CACHE_CLAIM, sizes.model_cache), (WORKSPACE_CLAIM, sizes.workspace)):
            claim(site, name, Namespace.ASSISTANT, size, mine)
        hub_token(site, Namespace.ASSISTANT, mine)
        custom_object(site, code_runtime(site), mine, "code-runtime")
        self.register_outputs({})


def controller_values() -> dict[str, object]:
    """Return the chart's values; ours is the only runtime."""
    small = {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
    jobset = versions().images["jobset"]  # the chart names a moving tag of a registry for tests
    image = {"repository": jobset.repository, "tag": jobset.tag, "pullPolicy": "IfNotPresent"}
    return {"manager": {"resources": small}, "jobset": {"image": image, "controller": {"resources": small}}}


def code_runtime(site: Site) -> dict[str, Any]:
    """Return the TrainingRuntime as ml.training describes it, at this stack's sizes; packages are baked into its image."""
    settings = site.settings
    args = RuntimeArgs(
        image=site.image("trainer"),
        namespace=Namespace.ASSISTANT,
        packages=(),
        gpus=settings.production_gpus,
        priority_class=Priority.TRAINING,
        model_cache_claim=MODEL_CACHE_CLAIM,
        workspace_claim=WORKSPACE_CLAIM,
        runtime_class=RUNTIME_CLASS,
    )
    if not settings.has_gpu:
        args = replace(args, node_selector={}, tolerated_taints=(), runtime_class=None, priority_class=None)
    return training_runtime(args)
