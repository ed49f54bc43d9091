"""What stages name on a cluster: each of it is made there by the platform (infra/pulumi/components/learning.py)."""

# Compiled pipelines name it; `codeintel pipeline compile --registry` says where it was pushed. Built from platform/images/.
IMAGE = "codeintel/trainer:0.1.0"
STAGE = "learning"  # the app of the stages' pods, by which policies find them
WORKSPACE_CLAIM, WORKSPACE = "training-workspace", "/workspace"

SETTINGS = "codeintel-settings"
SETTING_NAMES = ("store", "llm_url", "llm_model", "base_model", "mlflow_url")
RECORDS_URL = "langfuse_url"

STORE_SECRET, RECORDS_SECRET = "codeintel-store", "codeintel-records"
STORE_KEY = "store_api_key"
WRITES, READS = "api-key", "read-only-key"  # keys of STORE_SECRET: who indexes gets the one that may change the index
RECORD_KEYS = ("langfuse_public_key", "langfuse_secret_key")


def key(setting: str) -> str:
    """Name a setting as a ConfigMap or a Secret holds it."""
    return setting.replace("_", "-")


def variable(setting: str) -> str:
    """Name a setting as the environment holds it (ml.settings)."""
    return f"CODEINTEL_{setting.upper()}"
