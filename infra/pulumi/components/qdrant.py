"""Qdrant, the vector store: objects of our own instead of its chart, so that it needs no chart repository."""

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import QDRANT, QDRANT_KEY, QDRANT_PEERS, QDRANT_READER
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
FIRST = f"{QDRANT.name}-0"
# Each server names itself; all but the first learn of the others from the first (https://qdrant.tech/documentation/guides/distributed_deployment).
JOIN = f"""\
uri() {{ echo "http://$1.{QDRANT_PEERS.host}:{QDRANT_PEERS.port}"; }}
[ "$HOSTNAME" = {FIRST} ] || set -- --bootstrap "$(uri {FIRST})"
exec ./entrypoint.sh --uri "$(uri "$HOSTNAME")" "$@"
"""


class Qdrant(pulumi.ComponentResource):
    """One server on a volume of its own, or a cluster of such servers, with a generated API key."""

    secret: k8s.core.v1.Secret

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Qdrant", "qdrant", None, opts)
        self.site, mine = site, pulumi.ResourceOptions(parent=self)
        self.clustered = site.settings.vectors.clustered
        self.secret = generated_secret(
            site,
            QDRANT.namespace,
            QDRANT.name,
            keys(QDRANT_KEY.key, QDRANT_READER.key),
            mine,
            rotation=site.settings.rotation.qdrant,
        )
        service(site, QDRANT, mine, {"grpc": GRPC})
        if self.clustered:
            self._membership(mine)
        self._servers(pulumi.ResourceOptions(parent=self, depends_on=[self.secret]))
        self.register_outputs({})

    def _membership(self, opts: pulumi.ResourceOptions) -> None:
        """Give each server a name, before it is ready too, and let one at a time be drained."""
        k8s.core.v1.Service(
            f"{QDRANT_PEERS.namespace}-{QDRANT_PEERS.name}",
            metadata=self.site.meta(QDRANT_PEERS.name, QDRANT_PEERS.namespace),
            spec=k8s.core.v1.ServiceSpecArgs(
                cluster_ip="None",
                publish_not_ready_addresses=True,
                selector=selector(QDRANT.name).match_labels,
                ports=[k8s.core.v1.ServicePortArgs(name="p2p", port=QDRANT_PEERS.port)],
            ),
            opts=opts,
        )
        k8s.policy.v1.PodDisruptionBudget(
            "qdrant",
            metadata=self.site.meta(QDRANT.name, QDRANT.namespace),
            spec=k8s.policy.v1.PodDisruptionBudgetSpecArgs(max_unavailable=1, selector=selector(QDRANT.name)),
            opts=opts,
        )

    def _servers(self, opts: pulumi.ResourceOptions) -> None:
        server = container(
            "qdrant",
            self.site.image("qdrant"),
            Limits("200m", "512Mi", "4Gi"),
            command=["sh", "-c", JOIN] if self.clustered else None,
            env={
                "QDRANT__SERVICE__API_KEY": QDRANT_KEY,
                "QDRANT__SERVICE__READ_ONLY_API_KEY": QDRANT_READER,
                "QDRANT__TELEMETRY_DISABLED": "true",
                "QDRANT__STORAGE__SNAPSHOTS_PATH": "/qdrant/storage/snapshots",
                "QDRANT_INIT_FILE_PATH": f"{TMP}/initialized",
                **({"QDRANT__CLUSTER__ENABLED": "true"} if self.clustered else {}),
            },
            ports={"http": QDRANT.port, "grpc": GRPC, **({"p2p": QDRANT_PEERS.port} if self.clustered else {})},
            mounts={"data": "/qdrant/storage", "tmp": TMP},
            ready=http_probe("/readyz", QDRANT.port, period=5),
            alive=http_probe("/livez", QDRANT.port, period=20),
            start=http_probe("/readyz", QDRANT.port, period=5, failures=120),
        )
        pod = Pod([server], volumes=[scratch("tmp", "1Gi")], user=USER, reads=[self.secret], apart=self.clustered)
        k8s.apps.v1.StatefulSet(
            "qdrant",
            metadata=self.site.meta(QDRANT.name, QDRANT.namespace, runs=True),
            spec=k8s.apps.v1.StatefulSetSpecArgs(
                service_name=QDRANT_PEERS.name if self.clustered else QDRANT.name,
                replicas=self.site.settings.vectors.nodes,
                # After an outage of all servers, none is ready before most are back.
                pod_management_policy="Parallel" if self.clustered else None,
                selector=selector(QDRANT.name),
                template=template(QDRANT.name, pod),
                volume_claim_templates=[claim_template(self.site, "data", self.site.settings.storage.vectors)],
            ),
            opts=opts,
        )


def servers(site: Site) -> list[str]:
    """Return the address of each server: a snapshot holds the shards of one."""
    vectors = site.settings.vectors
    names = [f"{QDRANT.name}-{number}.{QDRANT_PEERS.host}" for number in range(vectors.nodes)]
    return [f"http://{name}:{QDRANT.port}" for name in (names if vectors.clustered else [QDRANT.host])]
