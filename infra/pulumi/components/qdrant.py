"""Qdrant, the vector store: objects of our own instead of its chart, so that it needs no chart repository."""

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import QDRANT, QDRANT_KEY, QDRANT_READER
from infra.pulumi.parts.secret import generated_secret, keys
from infra.pulumi.parts.site import Site
from infra.pulumi.parts.workload import (
    TMP,
    Limits,
    Pod,
    claim_template,
    container,
    http_probe,
    scratch,
    selector,
    service,
    template,
)

USER = 1000  # of the unprivileged image
GRPC = 6334


class Qdrant(pulumi.ComponentResource):
    """One server on a volume of its own, with a generated API key."""

    secret: k8s.core.v1.Secret

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Qdrant", "qdrant", None, opts)
        self.site, mine = site, pulumi.ResourceOptions(parent=self)
        self.secret = generated_secret(
            site,
            QDRANT.namespace,
            QDRANT.name,
            keys(QDRANT_KEY.key, QDRANT_READER.key),
            mine,
            rotation=site.settings.rotation.qdrant,
        )
        service(site, QDRANT, mine, {"grpc": GRPC})
        self._server(pulumi.ResourceOptions(parent=self, depends_on=[self.secret]))
        self.register_outputs({})

    def _server(self, opts: pulumi.ResourceOptions) -> None:
        server = container(
            "qdrant",
            self.site.image("qdrant"),
            Limits("200m", "512Mi", "4Gi"),
            env={
                "QDRANT__SERVICE__API_KEY": QDRANT_KEY,
                "QDRANT__SERVICE__READ_ONLY_API_KEY": QDRANT_READER,
                "QDRANT__TELEMETRY_DISABLED": "true",
                "QDRANT__STORAGE__SNAPSHOTS_PATH": "/qdrant/storage/snapshots",
                "QDRANT_INIT_FILE_PATH": f"{TMP}/initialized",
            },
            ports={"http": QDRANT.port, "grpc": GRPC},
            mounts={"data": "/qdrant/storage", "tmp": TMP},
            ready=http_probe("/readyz", QDRANT.port, period=5),
            alive=http_probe("/livez", QDRANT.port, period=20),
            start=http_probe("/readyz", QDRANT.port, period=5, failures=120),
        )
        pod = Pod([server], volumes=[scratch("tmp", "1Gi")], user=USER, reads=[self.secret])
        k8s.apps.v1.StatefulSet(
            "qdrant",
            metadata=self.site.meta(QDRANT.name, QDRANT.namespace, runs=True),
            spec=k8s.apps.v1.StatefulSetSpecArgs(
                service_name=QDRANT.name,
                selector=selector(QDRANT.name),
                template=template(QDRANT.name, pod),
                volume_claim_templates=[claim_template(self.site, "data", self.site.settings.storage.vectors)],
            ),
            opts=opts,
        )
