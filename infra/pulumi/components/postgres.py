"""Postgres for MLflow and Langfuse: a database and a user each, isolated from the other."""

from collections.abc import Mapping

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import DATABASES, POSTGRES, POSTGRES_ADMIN
from infra.pulumi.parts.secret import generated_secret, keys
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
MOUNTS = {"data": DATA, "run": "/var/run/postgresql", "tmp": TMP, "init": INIT}
LIMITS = Limits("200m", "512Mi", "1Gi")
ROLES = "roles.sql"
# Before each start of the server, on a socket that only this pod reaches, where the superuser needs no password. The first
# start has no data yet: the image makes it and runs the same file.
APPLY_ROLES = """
[ -s "$PGDATA/PG_VERSION" ] || exit 0
pg_ctl start --wait --timeout=600 --options="-c listen_addresses=''"
trap 'pg_ctl stop --wait --mode=fast' EXIT
psql --username=postgres --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --file="$1"
"""


class Postgres(pulumi.ComponentResource):
    """One server on a volume of its own."""

    secret: k8s.core.v1.Secret

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Postgres", "postgres", None, opts)
        self.site, mine = site, pulumi.ResourceOptions(parent=self)
        self.secret = generated_secret(
            site,
            POSTGRES.namespace,
            POSTGRES.name,
            keys(POSTGRES_ADMIN.key, *DATABASES),
            mine,
            rotation=site.settings.rotation.postgres,
            rendered=lambda made: {ROLES: roles(made)},
        )
        service(site, POSTGRES, mine)
        self._server(pulumi.ResourceOptions(parent=self, depends_on=[self.secret]))
        self.register_outputs({})

    def _server(self, opts: pulumi.ResourceOptions) -> None:
        ready = exec_probe("pg_isready", "--host=127.0.0.1", "--username=postgres")
        server = container(
            "postgres",
            self.site.image("postgres"),
            LIMITS,
            env={"POSTGRES_PASSWORD": POSTGRES_ADMIN, "POSTGRES_INITDB_ARGS": "--auth-host=scram-sha-256"},
            ports={"postgres": POSTGRES.port},
            mounts=MOUNTS,
            ready=ready,
            alive=exec_probe("pg_isready", "--username=postgres", period=20, failures=6),
        )
        applying = container(
            "roles",
            self.site.image("postgres"),
            LIMITS,
            command=["sh", "-ceu", APPLY_ROLES, "roles", f"{INIT}/{ROLES}"],
            mounts=MOUNTS,
        )
        script = k8s.core.v1.SecretVolumeSourceArgs(
            secret_name=POSTGRES.name, items=[k8s.core.v1.KeyToPathArgs(key=ROLES, path=ROLES)]
        )
        volumes = [scratch("run", "16Mi"), scratch("tmp", "64Mi"), k8s.core.v1.VolumeArgs(name="init", secret=script)]
        pod = Pod([server], init=[applying], volumes=volumes, user=USER, reads=[self.secret])
        k8s.apps.v1.StatefulSet(
            "postgres",
            metadata=self.site.meta(POSTGRES.name, POSTGRES.namespace, runs=True),
            spec=k8s.apps.v1.StatefulSetSpecArgs(
                service_name=POSTGRES.name,
                selector=selector(POSTGRES.name),
                template=template(POSTGRES.name, pod),
                volume_claim_templates=[claim_template(self.site, "data", self.site.settings.storage.postgres)],
            ),
            opts=opts,
        )


def roles(passwords: Mapping[str, str]) -> str:
    """Return the SQL that gives each user its password and its database, creating what is missing."""
    lines = [f"ALTER ROLE {POSTGRES_ADMIN.key} PASSWORD '{passwords[POSTGRES_ADMIN.key]}';"]
    for name in DATABASES:
        lines += [
            _missing(f"CREATE ROLE {name} LOGIN", f"pg_roles WHERE rolname = '{name}'"),
            f"ALTER ROLE {name} PASSWORD '{passwords[name]}';",
            _missing(f"CREATE DATABASE {name} OWNER {name}", f"pg_database WHERE datname = '{name}'"),
            f"REVOKE CONNECT ON DATABASE {name} FROM PUBLIC;",
        ]
    return "\n".join([*lines, ""])


def _missing(statement: str, row: str) -> str:
    """Return a statement that psql runs only if a row is not there."""
    return f"SELECT '{statement}' WHERE NOT EXISTS (SELECT FROM {row}) \\gexec"  # noqa: S608  names of our own
