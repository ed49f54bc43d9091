"""The object store: SeaweedFS, which speaks S3, for MLflow's artifacts, Langfuse's events and the backups."""

import json
from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import BUCKETS, OBJECTS, OBJECTS_ID, OBJECTS_KEY
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

USER = 1000
CONFIG = "s3.json"


class ObjectStore(pulumi.ComponentResource):
    """One server on a volume of its own; buckets are created on first write."""

    secret: k8s.core.v1.Secret

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:ObjectStore", "object-store", None, opts)
        self.site, mine = site, pulumi.ResourceOptions(parent=self)
        self.secret = generated_secret(
            site,
            OBJECTS.namespace,
            OBJECTS.name,
            keys(OBJECTS_ID.key, OBJECTS_KEY.key),
            mine,
            rotation=site.settings.rotation.object_store,
            rendered=lambda made: {CONFIG: identities(made)},
        )
        service(site, OBJECTS, mine)
        self._server(pulumi.ResourceOptions(parent=self, depends_on=[self.secret]))
        self.register_outputs({})

    def _server(self, opts: pulumi.ResourceOptions) -> None:
        command = ["server", "-dir=/data", "-s3", f"-s3.port={OBJECTS.port}", f"-s3.config=/etc/seaweedfs/{CONFIG}"]
        server = container(
            "seaweedfs",
            self.site.image("seaweedfs"),
            Limits("200m", "512Mi", "2Gi"),
            command=["weed"],
            args=[*command, "-volume.max=0", "-master.volumeSizeLimitMB=1024", "-master.telemetry=false"],
            ports={"s3": OBJECTS.port},
            mounts={"data": "/data", "config": "/etc/seaweedfs", "tmp": TMP},
            ready=http_probe("/healthz", OBJECTS.port),
            start=http_probe("/healthz", OBJECTS.port, period=5, failures=60),
        )
        config = k8s.core.v1.SecretVolumeSourceArgs(
            secret_name=OBJECTS.name, items=[k8s.core.v1.KeyToPathArgs(key=CONFIG, path=CONFIG)]
        )
        volumes = [scratch("tmp", "256Mi"), k8s.core.v1.VolumeArgs(name="config", secret=config)]
        k8s.apps.v1.StatefulSet(
            "object-store",
            metadata=self.site.meta(OBJECTS.name, OBJECTS.namespace, runs=True),
            spec=k8s.apps.v1.StatefulSetSpecArgs(
                service_name=OBJECTS.name,
                selector=selector(OBJECTS.name),
                template=template(OBJECTS.name, Pod([server], volumes=volumes, user=USER, reads=[self.secret])),
                volume_claim_templates=[claim_template(self.site, "data", self.site.settings.storage.objects)],
            ),
            opts=opts,
        )


def identities(credentials: Mapping[str, str]) -> str:
    """Return SeaweedFS's identities file: one user, limited to our buckets; no anonymous access."""
    pair = {"accessKey": credentials[OBJECTS_ID.key], "secretKey": credentials[OBJECTS_KEY.key]}
    actions = [f"{action}:{bucket}" for bucket in BUCKETS for action in ("Admin", "Read", "Write", "List", "Tagging")]
    return json.dumps({"identities": [{"name": "platform", "credentials": [pair], "actions": actions}]})
