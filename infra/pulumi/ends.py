"""Who can talk: pods by their labels, and addresses outside the cluster; ways.py says who may talk to whom."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from infra.pulumi.entrance import Hosts
from infra.pulumi.names import APP_LABEL, Namespace
from infra.pulumi.names import ASSISTANT as ASSISTANT_SERVICE
from infra.pulumi.names import MLFLOW as MLFLOW_SERVICE
from infra.pulumi.names import OBJECTS as OBJECTS_SERVICE
from infra.pulumi.names import POSTGRES as POSTGRES_SERVICE
from infra.pulumi.names import QDRANT as QDRANT_SERVICE
from infra.pulumi.settings import PRIVATE, Settings
from ml.pipelines.names import STAGE
from ml.training.runtime import NODE

CHART_LABEL = "app"  # what Knative's and Kubeflow's manifests name their pods by


@dataclass(frozen=True, slots=True)
class Pods:
    """The pods of a namespace with these labels, or all of it; there if the stack has all of `parts` (catalog.py)."""

    name: str
    namespace: str
    labels: tuple[tuple[str, str], ...] = ()
    parts: tuple[str, ...] = ()
    when: Callable[[Settings], bool] = lambda _: True

    def exists(self, settings: Settings) -> bool:
        """Return whether the stack has such pods."""
        return self.when(settings) and all(map(settings.components.has, self.parts))


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses that the settings name, `but` some; none of them: nobody is there."""

    name: str
    of: Callable[[Settings], tuple[str, ...]]
    but: tuple[str, ...] = ()

    def exists(self, settings: Settings) -> bool:
        """Return whether the settings name any."""
        return bool(self.of(settings))


@dataclass(frozen=True, slots=True)
class Spaces:
    """All pods of namespaces that the settings name; none of them: nobody is there."""

    name: str
    of: Callable[[Settings], tuple[str, ...]]

    def exists(self, settings: Settings) -> bool:
        """Return whether the settings name any."""
        return bool(self.of(settings))


class Anyone(StrEnum):
    """Callers that no label or address describes."""

    POD = "every pod of the cluster"
    ANYBODY = "everybody"  # the API server calls webhooks from an address that depends on the cluster's network

    def exists(self, _: Settings) -> bool:
        """Return that they are always there."""
        return True


End = Pods | Addresses | Spaces | Anyone


def _app(name: str, namespace: str, *parts: str, value: str = "", label: str = APP_LABEL) -> Pods:
    """Return the pods of one app: named by `value`, or else as here."""
    return Pods(name, namespace, ((label, value or name),), parts)


# Ours.
GATES = _app("gate", Namespace.GATES)
ASSISTANT = _app(ASSISTANT_SERVICE.name, Namespace.ASSISTANT, "assistant")
INDEXER = _app("indexer", Namespace.ASSISTANT, "assistant")
DRIFT = _app("drift", Namespace.ASSISTANT, "drift")
TRAINING = _app("training", Namespace.ASSISTANT, "training")
TRAINING_JOBS = _app(
    "training-jobs", Namespace.ASSISTANT, "code_runtime", label="jobset.sigs.k8s.io/replicatedjob-name", value=NODE
)
TRAINING_WINDOW = _app("training-window", Namespace.ASSISTANT, "window")
QDRANT = _app(QDRANT_SERVICE.name, Namespace.DATA, "qdrant")
POSTGRES = _app(POSTGRES_SERVICE.name, Namespace.DATA, "postgres")
OBJECTS = _app(OBJECTS_SERVICE.name, Namespace.DATA, "object_store")
MLFLOW = _app(MLFLOW_SERVICE.name, Namespace.DATA, "mlflow")
BACKUP = _app("backup", Namespace.DATA, "backups")
MODELS = Pods("models", Namespace.MODELS, parts=("models",))
DOWNLOADS = Pods("downloads", Namespace.DOWNLOADS, parts=("kserve",))

# Controllers of other projects, which all watch the API server: the whole namespace.
CERT_MANAGER = Pods("cert-manager", Namespace.CERT_MANAGER, parts=("cert_manager",))
CERTIFICATES = _app("certificates", Namespace.CERT_MANAGER, "cert_manager", value="cert-manager")
CERTIFICATES_WEBHOOK = _app("certificates-webhook", Namespace.CERT_MANAGER, "cert_manager", value="webhook")
DEVICES = Pods("devices", Namespace.GPU, parts=("device_plugin",))
KSERVE = Pods("kserve", Namespace.KSERVE, parts=("kserve",))
TRAINER = Pods("trainer", Namespace.TRAINER, parts=("trainer",))
KNATIVE = Pods("knative", Namespace.KNATIVE, parts=("knative",))
KNATIVE_WEBHOOK = _app("webhook", Namespace.KNATIVE, "knative", label=CHART_LABEL)
ACTIVATOR = _app("activator", Namespace.KNATIVE, "knative", label=CHART_LABEL)
AUTOSCALER = _app("autoscaler", Namespace.KNATIVE, "knative", label=CHART_LABEL)
NET_KOURIER = _app("net-kourier-controller", Namespace.KNATIVE, "knative", label=CHART_LABEL)
KOURIER = _app("kourier", Namespace.KOURIER, "knative", label=CHART_LABEL, value="3scale-kourier-gateway")

# The way in from outside. A solver answers an authority that checks a name; cert-manager starts it beside the page.
INGRESS = Spaces(
    "the ingress controller", lambda settings: (settings.ingress.namespace,) if settings.ingress.open else ()
)


def _solver(name: str, namespace: str, part: str, host: Callable[[Hosts], str | None]) -> Pods:
    return Pods(
        f"{name}-solver",
        namespace,
        (("acme.cert-manager.io/http01-solver", "true"),),
        ("cert_manager", part),
        lambda settings: bool(settings.ingress.acme and host(settings.ingress.hosts)),
    )


SOLVERS = (
    _solver("assistant", Namespace.ASSISTANT, "assistant", lambda hosts: hosts.assistant),
    _solver("grafana", Namespace.MONITORING, "observability", lambda hosts: hosts.grafana),
    _solver("langfuse", Namespace.LANGFUSE, "langfuse", lambda hosts: hosts.langfuse),
)

# Monitoring.
PROMETHEUS = _app("prometheus", Namespace.MONITORING, "observability")
ALERTMANAGER = _app("alertmanager", Namespace.MONITORING, "observability")
GRAFANA = _app("grafana", Namespace.MONITORING, "observability")
KUBE_STATE = _app("kube-state-metrics", Namespace.MONITORING, "observability")
# Its webhook's set-up jobs carry the same label.
PROMETHEUS_OPERATOR = _app(
    "prometheus-operator", Namespace.MONITORING, "observability", value="kube-prometheus-stack-prometheus-operator"
)
GPU_EXPORTER = _app("dcgm-exporter", Namespace.MONITORING, "observability", "gpu_node")
CLUSTER_DNS = Pods("cluster-dns", "kube-system", (("k8s-app", "kube-dns"),))

# Langfuse.
LANGFUSE_WEB = _app("langfuse-web", Namespace.LANGFUSE, "langfuse", label=CHART_LABEL, value="web")
LANGFUSE_WORKER = _app("langfuse-worker", Namespace.LANGFUSE, "langfuse", label=CHART_LABEL, value="worker")
VALKEY = _app("valkey", Namespace.LANGFUSE, "langfuse", value="redis")
CLICKHOUSE = _app("clickhouse", Namespace.LANGFUSE, "langfuse", value="clickhouse-server")
KEEPER = _app("clickhouse-keeper", Namespace.LANGFUSE, "langfuse")
CLICKHOUSE_OPERATOR = _app("clickhouse-operator", Namespace.LANGFUSE, "langfuse")


def _kubeflow(name: str, label: str = CHART_LABEL, value: str = "") -> Pods:
    return _app(name, Namespace.PIPELINES, "pipelines", label=label, value=value)


# Kubeflow Pipelines. A stage of ours is one of its steps: it has both labels.
STEPS = _kubeflow("steps", "pipelines.kubeflow.org/v2_component", "true")
STAGES = _app(STAGE, Namespace.PIPELINES, "learning")
PIPELINES_API = _kubeflow("ml-pipeline")
PIPELINES_UI = _kubeflow("ml-pipeline-ui")
PERSISTENCE_AGENT = _kubeflow("ml-pipeline-persistenceagent")
SCHEDULED_WORKFLOW = _kubeflow("ml-pipeline-scheduledworkflow")
VIEWERS = _kubeflow("ml-pipeline-viewer-crd")
VISUALIZATIONS = _kubeflow("ml-pipeline-visualizationserver")
CACHE = _kubeflow("cache-server")
CACHE_DEPLOYER = _kubeflow("cache-deployer")
WORKFLOW_CONTROLLER = _kubeflow("workflow-controller")
METADATA = _kubeflow("metadata-grpc-server", "component")
METADATA_PROXY = _kubeflow("metadata-envoy", "component")
METADATA_WRITER = _kubeflow("metadata-writer")
MYSQL = _kubeflow("mysql")
ARTIFACTS = _kubeflow("seaweedfs")

# Outside the cluster.
API_SERVER = Addresses("the API server", lambda settings: settings.network.api_server)
NODES = Addresses("the nodes", lambda settings: settings.network.nodes)
GIT = Addresses("the git servers", lambda settings: settings.network.git)
WEIGHTS = Addresses("your storage of weights", lambda settings: settings.network.weights)
ACME_SERVER = Addresses(
    "the certificate authority",
    lambda settings: settings.ingress.acme.addresses if settings.ingress.open and settings.ingress.acme else (),
)
RECEIVERS = Addresses("the receivers of alerts", lambda settings: settings.alerts.addresses)
BACKUP_TARGET = Addresses("the backups' other store", lambda settings: settings.backups.addresses)
# Without private addresses, of which the link-local ones hold a cloud's credentials.
INTERNET = Addresses(
    "the internet",
    lambda settings: ("0.0.0.0/0",) if settings.network.downloads else (),
    but=(*PRIVATE, "169.254.0.0/16"),
)
