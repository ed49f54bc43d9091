"""Where a stage runs on a cluster: its volume, its settings and secrets, and for training the GPU."""

from typing import Any

from kfp import kubernetes

from ml.pipelines.names import (
    READS,
    RECORD_KEYS,
    RECORDS_SECRET,
    RECORDS_URL,
    SETTING_NAMES,
    SETTINGS,
    STAGE,
    STORE_KEY,
    STORE_SECRET,
    WORKSPACE,
    WORKSPACE_CLAIM,
    WRITES,
    key,
    variable,
)
from ml.training.runtime import HUB_SECRET, HUB_TOKEN, SLICES

GPU = "nvidia.com/gpu"


def configure_for_cluster(
    task: Any,
    *,
    retries: int = 1,
    cached: bool = False,
    workspace: bool = True,
    indexes: bool = False,
    rated: bool = False,
    gpus: bool = False,
) -> Any:
    """Add to a stage what it needs on a cluster; `kfp.local` ignores all of it.

    `cached` is for a stage whose only results are its artifacts: the cache compares arguments, and neither notices a new
    commit in a repository nor restores an index, a run or a report that was deleted.
    Without `workspace` the stage writes no files and runs on any node: that volume is attached to one node at a time.
    A stage that `indexes` gets the key that may change the index; one that learns from `rated` answers, Langfuse's keys.
    With `gpus` it takes every time-slice of the GPU, as a lock: training shares the GPU with nobody.
    """
    task.set_caching_options(cached)
    task.set_retry(retries, backoff_duration="30s", backoff_factor=2.0)
    task.set_cpu_request("1").set_cpu_limit("4").set_memory_request("4Gi").set_memory_limit("24Gi")
    kubernetes.add_pod_label(task, "app.kubernetes.io/name", STAGE)
    _settings(task, indexes, rated)
    if workspace:
        _workspace(task)
    if gpus:
        token = {HUB_TOKEN: HUB_TOKEN}
        kubernetes.use_secret_as_env(task, secret_name=HUB_SECRET, secret_key_to_env=token, optional=True)
        task.set_accelerator_type(GPU).set_accelerator_limit(SLICES)
        kubernetes.add_node_selector(task, label_key=f"{GPU}.present", label_value="true")
    return task


def _workspace(task: Any) -> None:
    """Mount the volume, which may be on the GPU node: so every stage tolerates that node."""
    kubernetes.mount_pvc(task, pvc_name=WORKSPACE_CLAIM, mount_path=WORKSPACE)
    kubernetes.add_toleration(task, key=GPU, operator="Exists", effect="NoSchedule")
    task.set_env_variable("CODEINTEL_DATA_DIR", WORKSPACE)
    task.set_env_variable("HF_HOME", f"{WORKSPACE}/huggingface")


def _settings(task: Any, indexes: bool, rated: bool) -> None:
    """Take the settings from the platform; not every stack has all of them, hence `optional`."""
    names = {key(name): variable(name) for name in (*SETTING_NAMES, *((RECORDS_URL,) if rated else ()))}
    kubernetes.use_config_map_as_env(task, config_map_name=SETTINGS, config_map_key_to_env=names, optional=True)
    secrets = {STORE_SECRET: {WRITES if indexes else READS: variable(STORE_KEY)}}
    if rated:
        secrets[RECORDS_SECRET] = {key(name): variable(name) for name in RECORD_KEYS}
    for secret, keys in secrets.items():
        kubernetes.use_secret_as_env(task, secret_name=secret, secret_key_to_env=keys, optional=True)
