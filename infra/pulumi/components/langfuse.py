"""Langfuse: traces, on our Postgres and object store; ClickHouse by its operator, Valkey by Langfuse's chart."""

import secrets
from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import LANGFUSE, LANGFUSE_LOGIN, OBJECTS, OBJECTS_ID, OBJECTS_KEY, POSTGRES, Namespace
from infra.pulumi.parts.chart import release
from infra.pulumi.parts.gate import Gate
from infra.pulumi.parts.namespace import GuardedNamespace
from infra.pulumi.parts.secret import Key, checksum, copied_secret, generated_secret
from infra.pulumi.parts.site import Site

DATABASE = "langfuse"
STORES = "langfuse-stores"
EMAIL = "admin@codeintel.internal"
TRACES_URL = f"{LANGFUSE.url}/api/public/otel/v1/traces"
KINDS = ("clickhouseclusters.clickhouse.com", "keeperclusters.clickhouse.com")
KEYS = (
    # They encrypt and hash what Langfuse's databases hold: with others, stored keys and logins are lost.
    Key("salt", lasting=True),
    Key("encryption-key", lambda: secrets.token_hex(32), lasting=True),  # 256 bits, in the form that Langfuse expects
    Key(LANGFUSE_LOGIN.key, lasting=True),  # Langfuse reads it when it creates the user, who may change it since
    Key("clickhouse", lasting=True),  # its operator hands it to the server and restarts nothing
    Key("valkey"),
    Key("public-key", lambda: f"pk-lf-{secrets.token_hex(16)}"),
    Key("secret-key", lambda: f"sk-lf-{secrets.token_hex(24)}"),
)
SMALL = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"cpu": "2", "memory": "1Gi"}}
NODE = {"requests": {"cpu": "100m", "memory": "512Mi"}, "limits": {"cpu": "2", "memory": "4Gi"}}  # web, worker
SERVER = {"requests": {"cpu": "500m", "memory": "2Gi"}, "limits": {"cpu": "4", "memory": "8Gi"}}  # ClickHouse


class Langfuse(pulumi.ComponentResource):
    """Langfuse with one organisation, one project and one user, whose password is generated."""

    secret: k8s.core.v1.Secret

    def __init__(
        self,
        site: Site,
        database: k8s.core.v1.Secret,
        objects: k8s.core.v1.Secret,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("codeintel:platform:Langfuse", "langfuse", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        # ClickHouse's operator adds IPC_LOCK, PERFMON and SYS_PTRACE to its pods, and the chart has no value against it.
        space = GuardedNamespace(site, Namespace.LANGFUSE, "privileged", mine)
        inside = pulumi.ResourceOptions(parent=self, depends_on=[space])
        operator = release(site, "clickhouse-operator-helm", Namespace.LANGFUSE, {"crd": {"keep": False}}, inside)
        gate = Gate(site, "clickhouse", KINDS, [], pulumi.ResourceOptions(parent=self, depends_on=[operator]))
        self.secret = generated_secret(
            site,
            Namespace.LANGFUSE,
            LANGFUSE_LOGIN.secret,
            KEYS,
            inside,
            rotation=site.settings.rotation.langfuse,
            rendered=_headers,
        )
        stores = [
            copied_secret(site, database, STORES, Namespace.LANGFUSE, {"password": DATABASE}, inside),
            copied_secret(
                site,
                objects,
                f"{STORES}-objects",
                Namespace.LANGFUSE,
                {OBJECTS_ID.key: OBJECTS_ID.key, OBJECTS_KEY.key: OBJECTS_KEY.key},
                inside,
            ),
        ]
        after = pulumi.ResourceOptions(parent=self, depends_on=[gate, self.secret, *stores])
        values = langfuse_values(site, checksum([self.secret, *stores]))
        release(site, "langfuse", Namespace.LANGFUSE, values, after)
        self.register_outputs({})


def _headers(project: Mapping[str, str]) -> dict[str, str]:
    """Return the OTLP authorization header of the project's keys."""
    basic = b64encode(f"{project['public-key']}:{project['secret-key']}".encode()).decode()
    return {"otlp-headers": f"Authorization=Basic {basic}"}


def langfuse_values(site: Site, restarting: Mapping[str, Any]) -> dict[str, Any]:
    """Return the chart's values: passwords by reference, telemetry and sign-up off.

    `restarting` are annotations of the pods that change with the passwords.
    """
    name = LANGFUSE_LOGIN.secret
    first = {
        "LANGFUSE_INIT_ORG_ID": "codeintel",
        "LANGFUSE_INIT_PROJECT_ID": "codeintel",
        "LANGFUSE_INIT_PROJECT_NAME": "codeintel",
        "LANGFUSE_INIT_USER_EMAIL": EMAIL,
        "LANGFUSE_INIT_USER_NAME": "admin",
    }
    hidden = {
        "LANGFUSE_INIT_PROJECT_PUBLIC_KEY": "public-key",
        "LANGFUSE_INIT_PROJECT_SECRET_KEY": "secret-key",
        "LANGFUSE_INIT_USER_PASSWORD": LANGFUSE_LOGIN.key,
    }
    host = site.settings.ingress.hosts.langfuse
    # The chart makes the key of logins. Without any key of its own its Secret is empty, and the next upgrade fails on it.
    login = {"nextauth": {"url": f"https://{host}"}} if host else {}
    environment: list[dict[str, Any]] = [{"name": key, "value": value} for key, value in first.items()]
    environment += [
        {"name": key, "valueFrom": _reference(name, entry, "secretKeyRef")} for key, entry in hidden.items()
    ]
    return {
        "langfuse": {
            "salt": _reference(name, "salt", "secretKeyRef"),
            "encryptionKey": _reference(name, "encryption-key", "secretKeyRef"),
            **login,
            "features": {"telemetryEnabled": False, "signUpDisabled": True},
            "additionalEnv": environment,
            "pod": {"annotations": restarting},
            "serviceAccount": {"automountServiceAccountToken": False},
            "resources": NODE,
        },
        "postgresql": {
            "deploy": False,
            "host": POSTGRES.host,
            "port": POSTGRES.port,
            "auth": {"existingSecret": STORES},  # the chart's database, user and key have the names of ours
        },
        "redis": {
            "auth": {
                "existingSecret": name,
                "existingSecretPasswordKey": "valkey",
                "usersExistingSecret": name,
                "aclUsers": {"default": {"passwordKey": "valkey"}},
            },
            "podAnnotations": restarting,
            "resources": SMALL,
        },
        "clickhouse": {
            "auth": {"existingSecret": name, "existingSecretKey": "clickhouse"},
            "keeper": {"replicas": 1},  # on one node a quorum of three is lost together
            "cluster": {"storage": {"size": "50Gi"}, "resources": SERVER},
        },
        "s3": {
            "deploy": False,
            "endpoint": OBJECTS.url,
            "region": "us-east-1",
            "accessKeyId": _reference(f"{STORES}-objects", OBJECTS_ID.key, "secretKeyRef"),
            "secretAccessKey": _reference(f"{STORES}-objects", OBJECTS_KEY.key, "secretKeyRef"),
        },
    }


def _reference(secret: str, key: str, kind: str) -> dict[str, Any]:
    return {kind: {"name": secret, "key": key}}
