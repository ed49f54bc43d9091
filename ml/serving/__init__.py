"""The models on the cluster, as objects typed by KServe's SDK, which Pulumi applies to Kubernetes."""

from ml.serving.cache import DOWNLOADER, CacheArgs, model_cache
from ml.serving.inference import (
    AdapterSource,
    AutoscalingArgs,
    Cards,
    Placement,
    ProductionArgs,
    autoscaling_model,
    production_model,
)
from ml.serving.runtime import VllmArgs, vllm_runtime

__all__ = [
    "DOWNLOADER",
    "AdapterSource",
    "AutoscalingArgs",
    "CacheArgs",
    "Cards",
    "Placement",
    "ProductionArgs",
    "VllmArgs",
    "autoscaling_model",
    "model_cache",
    "production_model",
    "vllm_runtime",
]
