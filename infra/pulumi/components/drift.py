"""The nightly look at drift: do people still ask what was evaluated? The assistant shows the figures, an alert reads them."""

import pulumi

from infra.pulumi.components.assistant import DATA, environment
from infra.pulumi.names import ASSISTANT, LANGFUSE, MLFLOW, QDRANT_READER, Namespace
from infra.pulumi.parts.site import Site
from infra.pulumi.parts.traffic import Peer, Ways, allow
from infra.pulumi.parts.workload import TMP, Limits, Pod, claimed, container, nightly, scratch, template

APP = "drift"
NIGHTLY = "45 4 * * *"
LONGEST = 3600  # seconds; the pod waits for the assistant's node
SHOWS = f"{ASSISTANT.name}-0"  # always the same pod: another one's figures would be as old as its last turn
NEEDED = ("HOME", "CODEINTEL_DATA_DIR", "CODEINTEL_MLFLOW_URL")
RECORDS = "CODEINTEL_LANGFUSE_"


class Drift(pulumi.ComponentResource):
    """Reads answers from Langfuse, or from the pod's own log, the evaluated questions from MLflow, and leaves the figures
    on the volume of an assistant, whose `/metrics` shows them."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Drift", "drift", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        out = [Peer(MLFLOW.namespace, MLFLOW.name, ports=(MLFLOW.port,))]
        if site.settings.components.has("langfuse"):
            out.append(Peer(Namespace.LANGFUSE, ports=(LANGFUSE.port,)))
        allow(site, ASSISTANT.namespace, APP, Ways(out=out), mine)
        known = environment(site, QDRANT_READER)
        job = container(
            APP,
            site.image("assistant"),
            Limits("200m", "512Mi", "2Gi"),
            args=["drift"],
            env={name: value for name, value in known.items() if name in NEEDED or name.startswith(RECORDS)},
            mounts={"data": DATA, "tmp": TMP},
        )
        volumes = [claimed("data", f"data-{SHOWS}"), scratch("tmp", "1Gi")]
        pod = Pod([job], volumes=volumes, restart="OnFailure", beside=SHOWS)
        nightly(site, APP, ASSISTANT.namespace, NIGHTLY, template(APP, pod), mine, longest_seconds=LONGEST)
        self.register_outputs({})
