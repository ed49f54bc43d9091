"""The nightly drift check: do people still ask what was evaluated? The assistant exports the figures; an alert watches them."""

import pulumi

from infra.pulumi.components.assistant import DATA, environment
from infra.pulumi.names import ASSISTANT, QDRANT_READER
from infra.pulumi.parts.site import Site
from infra.pulumi.parts.workload import TMP, Limits, Pod, claimed, container, nightly, scratch, template

APP = "drift"
NIGHTLY = "45 4 * * *"
LONGEST = 3600  # seconds; the pod waits for the assistant's node
SHOWS = f"{ASSISTANT.name}-0"  # always the same pod: another pod's figures would be stale
NEEDED = ("HOME", "CODEINTEL_DATA_DIR", "CODEINTEL_MLFLOW_URL")
RECORDS = "CODEINTEL_LANGFUSE_"


class Drift(pulumi.ComponentResource):
    """A CronJob that compares answers from Langfuse (or the pod's audit log) with MLflow's evaluated questions.

    It writes the figures to the volume of an assistant, whose `/metrics` exports them.
    """

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Drift", "drift", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
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
