"""Nightly backups: databases, vectors and artifacts to a bucket, in the cluster or elsewhere."""

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.components.qdrant import servers
from infra.pulumi.names import (
    OBJECTS,
    OBJECTS_ID,
    OBJECTS_KEY,
    POSTGRES,
    POSTGRES_ADMIN,
    QDRANT_KEY,
    Namespace,
    SecretKey,
)
from infra.pulumi.parts.site import ROOT, Site
from infra.pulumi.parts.workload import TMP, Limits, Pod, container, nightly, scratch, template

SCRIPT = ROOT / "platform" / "backup" / "backup.py"
APP, DUMP = "backup", "/dump/all.sql"
TIMES = {"databases": "5 1 * * *", "vectors": "25 1 * * *", "artifacts": "45 1 * * *"}
ELSEWHERE = "backup-target"  # a secret that the user creates, when backups go to another store


class Backups(pulumi.ComponentResource):
    """A nightly job for each data store of the stack."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Backups", "backups", None, opts)
        self.site, mine = site, pulumi.ResourceOptions(parent=self)
        files = k8s.core.v1.ConfigMap(
            "backup", metadata=site.meta(APP, Namespace.DATA), data={SCRIPT.name: SCRIPT.read_text()}, opts=mine
        )
        after = pulumi.ResourceOptions(parent=self, depends_on=[files])
        parts = site.settings.components
        for what, needed in (("databases", "postgres"), ("vectors", "qdrant"), ("artifacts", "mlflow")):
            if parts.has(needed):
                self._nightly(what, after)
        self.register_outputs({})

    def _nightly(self, what: str, opts: pulumi.ResourceOptions) -> None:
        script = k8s.core.v1.VolumeArgs(name="script", config_map=k8s.core.v1.ConfigMapVolumeSourceArgs(name=APP))
        dumps = what == "databases"
        copying = container(
            "copy",
            self.site.image("mlflow"),
            Limits("100m", "256Mi", "1Gi"),
            command=["python", f"/script/{SCRIPT.name}", what, *([DUMP] if dumps else [])],
            env=environment(self.site),
            mounts={"script": "/script", "dump": "/dump", "tmp": TMP},
        )
        pod = Pod(
            [copying],
            init=[self._dump()] if dumps else [],
            volumes=[script, scratch("dump", "20Gi"), scratch("tmp", "20Gi")],
            restart="Never",
        )
        nightly(self.site, f"backup-{what}", Namespace.DATA, TIMES[what], template(APP, pod), opts)

    def _dump(self) -> k8s.core.v1.ContainerArgs:
        everything = ["--host", POSTGRES.host, "--username", "postgres", "--clean", "--if-exists", "--file", DUMP]
        return container(
            "dump",
            self.site.image("postgres"),
            Limits("100m", "128Mi", "512Mi"),
            command=["pg_dumpall"],
            args=everything,
            env={"PGPASSWORD": POSTGRES_ADMIN},
            mounts={"dump": "/dump", "tmp": TMP},
        )


def environment(site: Site) -> Mapping[str, str | SecretKey]:
    """Return the backup target: the object store that the settings name, or our own, which is lost with its disk."""
    target = site.settings.backups
    here: Sequence[SecretKey] = (OBJECTS_ID, OBJECTS_KEY)
    there = [SecretKey(ELSEWHERE, each.key) for each in here] if target.endpoint else here
    return {
        "BACKUP_ENDPOINT": target.endpoint or OBJECTS.url,
        "BACKUP_BUCKET": target.bucket,
        "BACKUP_KEPT": str(target.kept),
        "BACKUP_ACCESS_KEY": there[0],
        "BACKUP_SECRET_KEY": there[1],
        "STORE_ENDPOINT": OBJECTS.url,
        "STORE_ACCESS_KEY": OBJECTS_ID,
        "STORE_SECRET_KEY": OBJECTS_KEY,
        "QDRANT_URLS": " ".join(servers(site)),
        "QDRANT_API_KEY": QDRANT_KEY,
    }
