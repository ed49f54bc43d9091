"""The models, as ml.serving describes them: the runtime, the cache, the production model, the autoscaling test."""

from dataclasses import replace

import pulumi

from infra.pulumi.names import MLFLOW, RUNTIME_CLASS, Namespace, Priority
from infra.pulumi.parts.custom import custom_object
from infra.pulumi.parts.hub import downloads_with_token
from infra.pulumi.parts.site import Site
from infra.pulumi.settings import in_bytes
from ml.serving import (
    AdapterSource,
    AutoscalingArgs,
    CacheArgs,
    Placement,
    ProductionArgs,
    VllmArgs,
    autoscaling_model,
    model_cache,
    production_model,
    vllm_runtime,
)

# The new pod can't start while the old one holds the card, so the old one stops first.
REPLACED = pulumi.ResourceOptions(replace_on_changes=["spec"], delete_before_replace=True)


class Models(pulumi.ComponentResource):
    """The models on the card; without a GPU the same objects request CPU."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Models", "models", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        runtime = custom_object(site, vllm_runtime(VllmArgs(site.image(image_name(site)), Namespace.MODELS)), mine)
        token = downloads_with_token(site, Namespace.MODELS, mine)
        kept = model_cache(cache_args(site)) if site.settings.caches_models else []
        caches = [custom_object(site, each, mine) for each in kept]
        after = pulumi.ResourceOptions(parent=self, depends_on=[runtime, *caches, *token])
        custom_object(site, production_model(production_args(site)), pulumi.ResourceOptions.merge(after, REPLACED))
        custom_object(site, autoscaling_model(autoscaling_args(site)), after)
        self.register_outputs({})


def image_name(site: Site) -> str:
    """Return the vLLM image of this stack: CUDA's does not start without a GPU."""
    return "vllm" if site.settings.has_gpu else "vllm-cpu"


def placement(site: Site, gpus: int, priority: str) -> Placement:
    """Return a model's placement: on the GPU node with its slices, or on any node's CPU, for a model of its size."""
    if site.settings.has_gpu:
        return Placement(gpus, priority_class=priority, runtime_class=RUNTIME_CLASS)
    return Placement(0, cpu="1", memory="4Gi", node_selector={}, tolerated_taints=(), runtime_class=None)


def production_args(site: Site) -> ProductionArgs:
    """Return the arguments of this stack's production model."""
    models = site.settings.models
    return ProductionArgs(
        name=models.name,
        base=models.base,
        placement=placement(site, site.settings.production_gpus, Priority.PRODUCTION),
        cards=site.settings.gpu.shared,
        tensor_parallel=site.settings.tensor_parallel,
        namespace=Namespace.MODELS,
        adapters=AdapterSource(site.image("assistant"), MLFLOW.url) if site.settings.components.has("mlflow") else None,
        adapter_rank=models.adapter_rank,
    )


def autoscaling_args(site: Site) -> AutoscalingArgs:
    """Return the arguments of this stack's autoscaling test: one slice a pod."""
    models = site.settings.models
    return AutoscalingArgs(
        base=models.autoscaling_base,
        placement=replace(
            placement(site, 1, Priority.AUTOSCALING), cpu="500m", memory="4Gi" if site.settings.has_gpu else "3Gi"
        ),
        weights=in_bytes(models.autoscaling_size),
        cards=site.settings.gpu.shared,
        namespace=Namespace.MODELS,
        max_replicas=models.autoscaling_max,
    )


def cache_args(site: Site) -> CacheArgs:
    """Return the arguments of the model cache: on the GPU node's disk, or on any node's without a GPU."""
    models = site.settings.models
    kept = {
        models.name: (models.base, models.size),
        "autoscaling-test": (models.autoscaling_base, models.autoscaling_size),
    }
    args = CacheArgs(kept, site.settings.storage.model_cache, with_token=models.token is not None)
    return args if site.settings.has_gpu else replace(args, node_selector={}, group="nodes")
