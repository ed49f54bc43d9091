"""Who may talk to whom, in one table: the network policies of all namespaces are made from it, both ends from one row.

Ports are those of the pods, which policies see, and not those of their Services. What a chart's pods listen on stands in
the chart; tests compare the two.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from infra.pulumi import ends, names
from infra.pulumi.ends import Anyone, End, Pods
from infra.pulumi.settings import Settings

ALL_PORTS: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Way:
    """Callers that may open TCP connections to a callee's ports, and why; open `when` so set, if the stack has both ends."""

    callers: tuple[End, ...]
    callee: End
    ports: tuple[int, ...]
    why: str
    when: Callable[[Settings], bool] = lambda _: True

    def present(self, settings: Settings) -> tuple[End, ...]:
        """Return the callers that the stack has, or none without the callee."""
        is_open = self.callee.exists(settings) and self.when(settings)
        return tuple(each for each in self.callers if is_open and each.exists(settings))


LANGFUSE = (ends.LANGFUSE_WEB, ends.LANGFUSE_WORKER)
CLIENTS = (ends.ASSISTANT, ends.STAGES)  # what asks the model about an index
LEARNERS = (ends.MODELS, ends.DOWNLOADS, ends.TRAINING_JOBS, ends.STAGES)
REQUESTS = (8012, 8013)  # Knative's proxy in each pod, by HTTP/1 and HTTP/2
CONTROLLERS = (
    ends.CERT_MANAGER, ends.DEVICES, ends.KNATIVE, ends.KSERVE, ends.TRAINER, ends.CLICKHOUSE_OPERATOR,
    ends.PROMETHEUS, ends.PROMETHEUS_OPERATOR, ends.KUBE_STATE, ends.GRAFANA,
)  # fmt: skip
KUBEFLOW_CONTROLLERS = (
    ends.STEPS, ends.PIPELINES_API, ends.PIPELINES_UI, ends.PERSISTENCE_AGENT, ends.SCHEDULED_WORKFLOW, ends.VIEWERS,
    ends.CACHE, ends.CACHE_DEPLOYER, ends.WORKFLOW_CONTROLLER, ends.METADATA_WRITER,
)  # fmt: skip

WAYS: tuple[Way, ...] = (
    # ours
    Way((Anyone.POD,), ends.ASSISTANT, (names.ASSISTANT.port,), "questions, also through an ingress; its API key decides"),
    Way((*CLIENTS, ends.INDEXER, ends.TRAINING, ends.BACKUP), ends.QDRANT, (names.QDRANT.port,), "search, indexing, snapshots"),
    Way((ends.QDRANT,), ends.QDRANT, (names.QDRANT_PEERS.port,), "raft, shards and each other's searches, in a cluster",
        when=lambda settings: settings.vectors.clustered),
    Way((*CLIENTS, ends.TRAINING, ends.DRIFT, ends.MODELS), ends.MLFLOW, (names.MLFLOW.port,), "runs, the registry, adapters"),
    Way((*CLIENTS, ends.TRAINING, ends.DRIFT), ends.LANGFUSE_WEB, (names.LANGFUSE.port,), "traces and rated answers"),
    Way(CLIENTS, ends.KOURIER, (8081,), "the model: Knative's name for it leads to Kourier's inner listener"),
    Way((ends.MLFLOW, *LANGFUSE, ends.BACKUP), ends.POSTGRES, (names.POSTGRES.port,), "their databases, dumps"),
    Way((ends.MLFLOW, *LANGFUSE, ends.BACKUP), ends.OBJECTS, (names.OBJECTS.port,), "artifacts, events, backups"),
    Way((ends.TRAINING_JOBS,), ends.TRAINING_JOBS, ALL_PORTS, "the pods of one job: torch's rendezvous; NCCL chooses its ports"),
    Way((ends.INDEXER, ends.STAGES), ends.GIT, (22, 443), "the repositories to index"),
    Way(LEARNERS, ends.INTERNET, (443,), "weights from the hub"),
    Way(LEARNERS, ends.WEIGHTS, ALL_PORTS, "weights from your own storage"),
    Way((ends.BACKUP,), ends.BACKUP_TARGET, ALL_PORTS, "backups elsewhere"),
    # from outside
    Way((ends.INGRESS,), ends.GRAFANA, (3000,), "people; its login decides"),
    Way((ends.INGRESS,), ends.LANGFUSE_WEB, (names.LANGFUSE.port,), "people; its login decides"),
    *(Way((ends.INGRESS,), each, (8089,), "the authority's check that a name is ours") for each in ends.SOLVERS),
    Way((ends.CERT_MANAGER,), ends.ACME_SERVER, (80, 443), "certificates, and its own check of a name before"),
    # the API server
    Way((ends.GATES, ends.TRAINING, *CONTROLLERS), ends.API_SERVER, (443, 6443), "watching and changing objects"),
    Way((ends.TRAINING_WINDOW,), ends.API_SERVER, (443, 6443), "opening and closing the quota of trainings"),
    Way(KUBEFLOW_CONTROLLERS, ends.API_SERVER, (443, 6443), "watching and changing objects; a step reports its end"),
    Way((Anyone.ANYBODY,), ends.CERTIFICATES_WEBHOOK, (10250,), "the API server calls the webhook"),
    Way((Anyone.ANYBODY,), ends.KSERVE, (9443,), "the API server calls the webhooks"),
    Way((Anyone.ANYBODY,), ends.TRAINER, (9443,), "the API server calls Trainer's and JobSet's webhooks"),
    Way((Anyone.ANYBODY,), ends.KNATIVE_WEBHOOK, (8443,), "the API server calls the webhook"),
    Way((Anyone.ANYBODY,), ends.CLICKHOUSE_OPERATOR, (9443,), "the API server calls the webhook"),
    Way((Anyone.ANYBODY,), ends.PROMETHEUS_OPERATOR, (10250,), "the API server calls the webhook"),
    # Knative: Kourier is the ingress; the activator holds requests while pods start; the autoscaler counts them
    Way((ends.KOURIER, ends.AUTOSCALER), ends.ACTIVATOR, REQUESTS, "requests without a pod; a probe before scaling to zero"),
    Way((ends.KOURIER, ends.ACTIVATOR, ends.AUTOSCALER), ends.MODELS, REQUESTS, "requests and probes"),
    Way((ends.AUTOSCALER,), ends.MODELS, (9090,), "the concurrency that scaling goes by"),
    Way((ends.ACTIVATOR,), ends.AUTOSCALER, (8080,), "the concurrency of requests that wait"),
    Way((ends.KOURIER,), ends.NET_KOURIER, (18000,), "its routes"),
    Way((ends.NET_KOURIER,), ends.KOURIER, (8090, 9443), "probes whether a route is there"),
    # Langfuse
    Way(LANGFUSE, ends.VALKEY, (6379,), "queue and cache"),
    Way((*LANGFUSE, ends.CLICKHOUSE), ends.CLICKHOUSE, (8123, 9000, 9009), "traces; migrations; replicas"),
    Way((ends.CLICKHOUSE_OPERATOR,), ends.CLICKHOUSE, (8123, 9000, 9001), "the state of the cluster, new tables' schema"),
    Way((ends.CLICKHOUSE, ends.CLICKHOUSE_OPERATOR), ends.KEEPER, (2181, 9123), "coordination, state of the quorum"),
    Way((ends.KEEPER,), ends.KEEPER, (9234,), "raft"),
    # Kubeflow Pipelines
    Way((ends.PIPELINES_UI, ends.PERSISTENCE_AGENT, ends.SCHEDULED_WORKFLOW, ends.STEPS),
        ends.PIPELINES_API, (8887, 8888), "runs, their state, the cache of steps"),
    Way((ends.STEPS, ends.METADATA_PROXY, ends.METADATA_WRITER), ends.METADATA, (8080,), "the lineage of artifacts"),
    Way((ends.PIPELINES_UI,), ends.METADATA_PROXY, (9090,), "the lineage of artifacts, for the browser"),
    Way((ends.PIPELINES_UI, ends.PIPELINES_API), ends.VISUALIZATIONS, (8888,), "pages made of artifacts"),
    Way((ends.PIPELINES_API, ends.CACHE, ends.METADATA), ends.MYSQL, (3306,), "their databases"),
    Way((ends.STEPS, ends.PIPELINES_API, ends.PIPELINES_UI), ends.ARTIFACTS, (8333,), "artifacts, logs"),
    Way((Anyone.ANYBODY,), ends.CACHE, (8443,), "the API server calls the webhook"),
    # monitoring
    Way((ends.PROMETHEUS,), ends.NODES, (9100, 10250), "metrics of the nodes and their kubelets"),
    Way((ends.PROMETHEUS,), ends.CLUSTER_DNS, (9153,), "metrics"),
    Way((ends.PROMETHEUS,), ends.ASSISTANT, (names.ASSISTANT.port,), "metrics"),
    Way((ends.PROMETHEUS,), ends.QDRANT, (names.QDRANT.port,), "metrics"),
    Way((ends.PROMETHEUS,), ends.MODELS, (8080,), "vLLM's metrics"),
    Way((ends.PROMETHEUS,), ends.CERTIFICATES, (9402,), "metrics"),
    Way((ends.PROMETHEUS,), ends.KUBE_STATE, (8080,), "metrics"),
    Way((ends.PROMETHEUS,), ends.GPU_EXPORTER, (9400,), "metrics"),
    Way((ends.PROMETHEUS,), ends.PROMETHEUS_OPERATOR, (10250,), "metrics"),
    Way((ends.PROMETHEUS,), ends.PROMETHEUS, (8080, 9090), "metrics of its own"),
    Way((ends.PROMETHEUS,), ends.ALERTMANAGER, (8080, 9093), "alerts, metrics"),
    Way((ends.PROMETHEUS,), ends.GRAFANA, (3000,), "metrics"),
    Way((ends.ALERTMANAGER,), ends.RECEIVERS, ALL_PORTS, "alerts to where people see them"),
    Way((ends.GRAFANA,), ends.PROMETHEUS, (9090,), "dashboards"),
    Way((ends.GRAFANA,), ends.ALERTMANAGER, (9093,), "silences"),
)  # fmt: skip


def open_ways(settings: Settings) -> Iterator[tuple[End, Way]]:
    """Yield each way that the stack has with each of its callers."""
    for way in WAYS:
        for caller in way.present(settings):
            yield caller, way


def pods_of(namespace: str, settings: Settings) -> list[Pods]:
    """Return the pods of a namespace that talk or are talked to, in the table's order."""
    both = (end for caller, way in open_ways(settings) for end in (caller, way.callee))
    return list(dict.fromkeys(end for end in both if isinstance(end, Pods) and end.namespace == namespace))
