"""Postgres for MLflow and Langfuse: a database and a user each, isolated from the other."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import DATABASES, POSTGRES, POSTGRES_ADMIN
from infra.pulumi.parts.secret import generated_secret
from infra.pulumi.parts.site import Site
from infra.pulumi.parts.workload import (
    TMP,
    Limits,
    Pod,
    claim_template,
    container,
    exec_probe,
    scratch,
    selector,
    service,
    template,
)

USER = 999  # `postgres` in the image
DATA = "/var/lib/postgresql"
INIT = "/docker-entrypoint-initdb.d"


class Postgres(pulumi.ComponentResource):
    """One server on a volume of its own."""

    secret: k8s.core.v1.Secret

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Postgres", "postgres", None, opts)
        self.site, mine = site, pulumi.ResourceOptions(parent=self)
        keys = (POSTGRES_ADMIN.key, *DATABASES)
        self.secret = generated_secret(
            site,
            POSTGRES.namespace,
            POSTGRES.name,
            keys,
            mine,
            rendered=lambda made: {"databases.sql": databases(made)},
        )
        service(site, POSTGRES, mine)
        self._server(pulumi.ResourceOptions(parent=self, depends_on=[self.secret]))
        self.register_outputs({})

    def _server(self, opts: pulumi.ResourceOptions) -> None:
        ready = exec_probe("pg_isready", "--host=127.0.0.1", "--username=postgres")
        server = container(
            "postgres",
            self.site.image("postgres"),
            Limits("200m", "512Mi", "1Gi"),
            env={"POSTGRES_PASSWORD": POSTGRES_ADMIN, "POSTGRES_INITDB_ARGS": "--auth-host=scram-sha-256"},
            ports={"postgres": POSTGRES.port},
            mounts={"data": DATA, "run": "/var/run/postgresql", "tmp": TMP, "init": INIT},
            ready=ready,
            alive=exec_probe("pg_isready", "--username=postgres", period=20, failures=6),
        )
        script = k8s.core.v1.SecretVolumeSourceArgs(
            secret_name=POSTGRES.name, items=[k8s.core.v1.KeyToPathArgs(key="databases.sql", path="databases.sql")]
        )
        volumes = [scratch("run", "16Mi"), scratch("tmp", "64Mi"), k8s.core.v1.VolumeArgs(name="init", secret=script)]
        k8s.apps.v1.StatefulSet(
            "postgres",
            metadata=self.site.meta(POSTGRES.name, POSTGRES.namespace, runs=True),
            spec=k8s.apps.v1.StatefulSetSpecArgs(
                service_name=POSTGRES.name,
                selector=selector(POSTGRES.name),
                template=template(POSTGRES.name, Pod([server], volumes=volumes, user=USER)),
                volume_claim_templates=[claim_template(self.site, "data", self.site.settings.storage.postgres)],
            ),
            opts=opts,
        )


def databases(passwords: Mapping[str, str]) -> str:
    """Return the SQL that creates each database and its user; it runs only on an empty volume."""
    lines = []
    for name in DATABASES:
        lines += [
            f"CREATE ROLE {name} LOGIN PASSWORD '{passwords[name]}';",
            f"CREATE DATABASE {name} OWNER {name};",
            f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC;",
        ]
    return "\n".join([*lines, ""])
