"""Names of cluster objects that stages use; the platform creates them (infra/pulumi/components/learning.py)."""

# Named by compiled pipelines, with the prefix of `codeintel pipeline compile --registry`; built from platform/images/.
IMAGE = "codeintel/trainer:0.1.0"
STAGE = "learning"  # the `app` label of the stages' pods, which network policies select
WORKSPACE_CLAIM, WORKSPACE = "training-workspace", "/workspace"

SETTINGS = "codeintel-settings"
SETTING_NAMES = ("store", "store_shards", "store_replicas", "llm_url", "llm_model", "base_model", "mlflow_url")
RECORDS_URL = "langfuse_url"

STORE_SECRET, RECORDS_SECRET = "codeintel-store", "codeintel-records"
STORE_KEY = "store_api_key"
WRITES, READS = "api-key", "read-only-key"  # keys of STORE_SECRET: only indexing may change the index
RECORD_KEYS = ("langfuse_public_key", "langfuse_secret_key")


def key(setting: str) -> str:
    """Return the key of a setting in a ConfigMap or a Secret."""
    return setting.replace("_", "-")


def variable(setting: str) -> str:
    """Return the environment variable of a setting (ml.settings)."""
    return f"CODEINTEL_{setting.upper()}"
