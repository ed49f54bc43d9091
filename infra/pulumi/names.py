"""Names used by more than one file: namespaces, services with ports, secrets with keys."""

from dataclasses import dataclass

PART_OF = "codeintel"
GPU = "nvidia.com/gpu"
GPU_PRESENT = "nvidia.com/gpu.present"
# Of a GPU node; the second is where KServe's chart, which can't be told otherwise, puts the agent of its model cache.
GPU_NODE_LABELS = {GPU_PRESENT: "true", "kserve/localmodel": "worker"}
APP_LABEL = "app.kubernetes.io/name"
NAMESPACE_LABEL = "kubernetes.io/metadata.name"


class Priority:
    """The priority classes of the card's users (components/card.py)."""

    TRAINING = "codeintel-training"
    AUTOSCALING = "codeintel-autoscaling-test"
    PRODUCTION = "codeintel-production"


class Namespace:
    """The namespaces; those of other projects keep the names that their manifests expect."""

    ASSISTANT = "codeintel"
    DATA = "codeintel-data"
    MODELS = "codeintel-models"
    GATES = "codeintel-gates"
    GPU = "codeintel-gpu"
    MONITORING = "monitoring"
    LANGFUSE = "langfuse"
    CERT_MANAGER = "cert-manager"
    KNATIVE = "knative-serving"
    KOURIER = "kourier-system"
    KSERVE = "kserve"
    DOWNLOADS = "kserve-localmodel-jobs"
    TRAINER = "kubeflow-system"
    PIPELINES = "kubeflow"


# A namespace takes its volumes with it, and everything that only they hold.
HOLD_DATA = frozenset(
    {Namespace.ASSISTANT, Namespace.DATA, Namespace.LANGFUSE, Namespace.MONITORING, Namespace.PIPELINES}
)


@dataclass(frozen=True)
class Service:
    """A service in the cluster and its address."""

    name: str
    namespace: str
    port: int

    @property
    def host(self) -> str:
        """Its name in the cluster's DNS."""
        return f"{self.name}.{self.namespace}.svc"

    @property
    def url(self) -> str:
        """Its address by HTTP."""
        return f"http://{self.host}:{self.port}"


@dataclass(frozen=True)
class SecretKey:
    """One key of a Secret, as everything refers to it."""

    secret: str
    key: str


ASSISTANT = Service("assistant", Namespace.ASSISTANT, 8321)
QDRANT = Service("qdrant", Namespace.DATA, 6333)
QDRANT_PEERS = Service("qdrant-peers", Namespace.DATA, 6335)  # headless: each server by its name
POSTGRES = Service("postgres", Namespace.DATA, 5432)
OBJECTS = Service("objects", Namespace.DATA, 8333)
MLFLOW = Service("mlflow", Namespace.DATA, 5000)
LANGFUSE = Service("langfuse-web", Namespace.LANGFUSE, 3000)
GRAFANA = Service("monitoring-grafana", Namespace.MONITORING, 80)
PROMETHEUS = Service("monitoring-prometheus", Namespace.MONITORING, 9090)
PIPELINES = Service("ml-pipeline-ui", Namespace.PIPELINES, 80)

ASSISTANT_KEY = SecretKey("assistant", "api-key")
QDRANT_KEY = SecretKey("qdrant", "api-key")
QDRANT_READER = SecretKey("qdrant", "read-only-key")
POSTGRES_ADMIN = SecretKey("postgres", "postgres")
OBJECTS_ID = SecretKey("objects", "access-key")
OBJECTS_KEY = SecretKey("objects", "secret-key")
GRAFANA_ADMIN = SecretKey("grafana", "admin-password")
LANGFUSE_LOGIN = SecretKey("langfuse", "first-password")

PULL_SECRET = "registry"  # noqa: S105  its name

BUCKETS = ("mlflow", "langfuse", "backups")
DATABASES = ("mlflow", "langfuse")
MODEL_CACHE_CLAIM, WORKSPACE_CLAIM = "model-cache", "training-workspace"
# Of our own name: k3s, NVIDIA's operator or an administrator may have made the class `nvidia`.
RUNTIME_CLASS, RUNTIME = "codeintel-nvidia", "nvidia"
