"""Where a stage runs on a cluster: its image, its volume, its settings and secrets, and for training the GPU."""

from typing import Any

from kfp import kubernetes

# Compiled pipelines name it; the platform's mirror says where it comes from. Built from platform/images/.
IMAGE = "codeintel/assistant:0.1.0"
WORKSPACE_CLAIM, WORKSPACE = "training-workspace", "/workspace"
SETTINGS, SECRETS = "codeintel-settings", "codeintel-secrets"
GPU, SLICES = "nvidia.com/gpu", 5
SECRET_NAMES = {
    "store-api-key": "CODEINTEL_STORE_API_KEY",
    "llm-api-key": "CODEINTEL_LLM_API_KEY",
    "judge-api-key": "CODEINTEL_JUDGE_API_KEY",
    "langfuse-secret-key": "CODEINTEL_LANGFUSE_SECRET_KEY",
}
SETTING_NAMES = (
    *("store", "embedder", "embedder_url", "embedder_model", "llm", "llm_url", "llm_model"),
    *("mlflow_url", "langfuse_url", "langfuse_public_key"),
)


def on_cluster(task: Any, *, retries: int = 1, cached: bool = False, gpus: bool = False) -> Any:
    """Adds to a stage what it needs on a cluster; `kfp.local` passes all of it over.

    `cached` is for a stage whose artifacts are all that it leaves: a cache looks at the arguments, and neither sees that a
    repository moved on, nor brings back an index, a run or a report that is gone.
    With `gpus` it takes every time-slice of the card, as a lock: training shares it with nobody.
    """
    task.set_caching_options(cached)
    task.set_retry(retries, backoff_duration="30s", backoff_factor=2.0)
    task.set_cpu_request("1").set_cpu_limit("4").set_memory_request("4Gi").set_memory_limit("24Gi")
    task.set_env_variable("CODEINTEL_DATA_DIR", WORKSPACE)
    kubernetes.mount_pvc(task, pvc_name=WORKSPACE_CLAIM, mount_path=WORKSPACE)
    names = {name.replace("_", "-"): f"CODEINTEL_{name.upper()}" for name in SETTING_NAMES}
    kubernetes.use_config_map_as_env(task, config_map_name=SETTINGS, config_map_key_to_env=names, optional=True)
    kubernetes.use_secret_as_env(task, secret_name=SECRETS, secret_key_to_env=SECRET_NAMES, optional=True)
    if gpus:
        task.set_accelerator_type(GPU).set_accelerator_limit(SLICES)
        kubernetes.add_node_selector(task, label_key=f"{GPU}.present", label_value="true")
        kubernetes.add_toleration(task, key=GPU, operator="Exists", effect="NoSchedule")
    return task
