"""The assistant: the service that people query, and the nightly indexing of the repositories."""

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.components.langfuse import TRACES_URL
from infra.pulumi.names import (
    ASSISTANT,
    ASSISTANT_KEY,
    LANGFUSE,
    MLFLOW,
    QDRANT,
    QDRANT_KEY,
    QDRANT_READER,
    Namespace,
    SecretKey,
)
from infra.pulumi.parts.secret import copied_secret, generated_secret, keys
from infra.pulumi.parts.site import SKIP_AWAIT, Site
from infra.pulumi.parts.workload import (
    TMP,
    Limits,
    Pod,
    claim_template,
    container,
    http_probe,
    nightly,
    scratch,
    selector,
    service,
    template,
)

DATA = "/data"
INDEXER = "indexer"
NIGHTLY = "15 2 * * *"
INDEXING, STORE = ("HOME", "CODEINTEL_DATA_DIR"), "CODEINTEL_STORE"  # the settings that indexing reads
KEYS = (QDRANT_KEY.key, QDRANT_READER.key)  # the service only reads the index; the indexer writes it
RESTARTS = (
    5  # retries of an indexer, 10 to 160 seconds apart: longer than the lock of a writer that was lost with its node
)
HEADERS = SecretKey("langfuse-traces", "otlp-headers")
LANGFUSE_PUBLIC, LANGFUSE_SECRET = SecretKey(HEADERS.secret, "public-key"), SecretKey(HEADERS.secret, "secret-key")
# A store that all replicas share must not make them unready: users get an error that names it (ADR 0014).
READY = "/readyz?exclude=store"
FIRST_TOKEN = 20  # seconds: Knative's activator holds requests for an unavailable model
LONGEST_ANSWER = 60  # seconds to finish running answers when the pod stops


class Assistant(pulumi.ComponentResource):
    """The service with its API key."""

    def __init__(
        self,
        site: Site,
        vectors: k8s.core.v1.Secret,
        traces: k8s.core.v1.Secret | None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("codeintel:platform:Assistant", "assistant", None, opts)
        self.site, mine = site, pulumi.ResourceOptions(parent=self)
        space = Namespace.ASSISTANT
        self.secrets = [
            generated_secret(
                site,
                space,
                ASSISTANT_KEY.secret,
                keys(ASSISTANT_KEY.key),
                mine,
                rotation=site.settings.rotation.assistant,
            ),
            copied_secret(site, vectors, QDRANT_KEY.secret, space, {key: key for key in KEYS}, mine),
        ]
        if traces is not None:
            names = {each.key: each.key for each in (HEADERS, LANGFUSE_PUBLIC, LANGFUSE_SECRET)}
            self.secrets.append(copied_secret(site, traces, HEADERS.secret, space, names, mine))
        service(site, ASSISTANT, mine)
        after = pulumi.ResourceOptions(parent=self, depends_on=self.secrets)
        self._server(after)
        if site.settings.assistant.repositories:
            self._indexer(after)
        self.register_outputs({})

    def _server(self, opts: pulumi.ResourceOptions) -> None:
        chosen = self.site.settings.assistant
        server = container(
            "assistant",
            self.site.image("assistant"),
            Limits(chosen.cpu, chosen.memory),
            args=["serve"],
            env=environment(self.site, QDRANT_READER),
            ports={"http": ASSISTANT.port},
            mounts={"data": DATA, "tmp": TMP},
            ready=http_probe(READY, ASSISTANT.port, period=5),
            alive=http_probe("/healthz", ASSISTANT.port, period=20),
            start=http_probe("/healthz", ASSISTANT.port, period=3, failures=100),
        )
        pod = Pod([server], volumes=[scratch("tmp", "1Gi")], grace_seconds=LONGEST_ANSWER + 10, reads=self.secrets)
        k8s.apps.v1.StatefulSet(
            "assistant",
            # Not awaited: it becomes ready once something is indexed, after the first `up`.
            metadata=self.site.meta(ASSISTANT.name, ASSISTANT.namespace, annotations=SKIP_AWAIT),
            spec=k8s.apps.v1.StatefulSetSpecArgs(
                service_name=ASSISTANT.name,
                replicas=chosen.replicas,
                selector=selector(ASSISTANT.name),
                template=template(ASSISTANT.name, pod),
                # Each replica keeps its own audit log.
                volume_claim_templates=[claim_template(self.site, "data", self.site.settings.storage.assistant)],
            ),
            opts=opts,
        )

    def _indexer(self, opts: pulumi.ResourceOptions) -> None:
        known = environment(self.site, QDRANT_KEY)
        job = container(
            INDEXER,
            self.site.image("assistant"),
            Limits("500m", "2Gi", "4Gi", cpu_limit="4"),
            args=["index", *self.site.settings.assistant.repositories],
            env={name: value for name, value in known.items() if name in INDEXING or name.startswith(STORE)},
            mounts={"data": DATA, "tmp": TMP},
        )
        pod = Pod([job], volumes=[scratch("data", "20Gi"), scratch("tmp", "1Gi")], restart="OnFailure")
        nightly(self.site, INDEXER, ASSISTANT.namespace, NIGHTLY, template(INDEXER, pod), opts, RESTARTS)


def environment(site: Site, store_key: SecretKey) -> dict[str, str | SecretKey]:
    """Return the service's settings (ml/settings.py) for this stack, with a reference to Qdrant's API key."""
    parts, models = site.settings.components, site.settings.models
    made: dict[str, str | SecretKey] = {
        "HOME": TMP,
        "CODEINTEL_HOST": "0.0.0.0",  # noqa: S104  the pod's own address; access is restricted by NetworkPolicy and API key
        "CODEINTEL_PORT": str(ASSISTANT.port),
        "CODEINTEL_API_KEY": ASSISTANT_KEY,
        "CODEINTEL_DATA_DIR": DATA,
        "CODEINTEL_STORE": QDRANT.url,
        "CODEINTEL_STORE_API_KEY": store_key,
        "CODEINTEL_STORE_SHARDS": str(site.settings.vectors.spread),
        "CODEINTEL_STORE_REPLICAS": str(site.settings.vectors.replicas),
        "CODEINTEL_SHUTDOWN_SECONDS": str(LONGEST_ANSWER),
    }
    if site.settings.assistant.replicas > 1:
        made["CODEINTEL_KEEP_CHATS"] = "false"  # each replica has a volume of its own: a chat would be on one of them
    if parts.has("models"):
        made |= {
            "CODEINTEL_LLM_URL": f"http://{models.name}-predictor.{Namespace.MODELS}.svc.cluster.local/v1",
            "CODEINTEL_LLM_MODEL": models.name,
            "CODEINTEL_LLM_TIMEOUT": str(FIRST_TOKEN),
        }
    if parts.has("mlflow"):
        made["CODEINTEL_MLFLOW_URL"] = MLFLOW.url
    if parts.has("langfuse"):
        made |= {
            "CODEINTEL_OTLP_URL": TRACES_URL,
            "CODEINTEL_OTLP_HEADERS": HEADERS,
            # Each pod has its own audit log: `codeintel drift` and `dataset` read where all answers are.
            "CODEINTEL_LANGFUSE_URL": LANGFUSE.url,
            "CODEINTEL_LANGFUSE_PUBLIC_KEY": LANGFUSE_PUBLIC,
            "CODEINTEL_LANGFUSE_SECRET_KEY": LANGFUSE_SECRET,
        }
    return made
