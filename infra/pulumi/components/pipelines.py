"""Kubeflow Pipelines: its own MySQL and object store, without the default passwords of its manifests."""

from pathlib import Path

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import Namespace
from infra.pulumi.parts.gate import Gate
from infra.pulumi.parts.namespace import GuardedNamespace
from infra.pulumi.parts.secret import generated_secret
from infra.pulumi.parts.site import ROOT, Site
from infra.pulumi.versions import versions

OVERLAY = ROOT / "platform" / "pipelines"
ARCHIVE, SCOPED = "pipelines.tar.gz", "cluster-scoped-resources"
KINDS = ("workflows.argoproj.io", "scheduledworkflows.kubeflow.org", "viewers.kubeflow.org")


class Pipelines(pulumi.ComponentResource):
    """The definitions, then the passwords, then everything that reads them."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Pipelines", "pipelines", None, opts)
        self.site = site
        mine = pulumi.ResourceOptions(parent=self)
        space = GuardedNamespace(site, Namespace.PIPELINES, "baseline", mine)
        scoped = self._directory(SCOPED, SCOPED, [space])
        gate = Gate(site, "pipelines", KINDS, [], pulumi.ResourceOptions(parent=self, depends_on=[scoped]))
        inside = pulumi.ResourceOptions(parent=self, depends_on=[space])
        passwords = [
            generated_secret(site, Namespace.PIPELINES, "mysql-secret", ("password",), inside, {"username": "root"}),
            generated_secret(
                site,
                Namespace.PIPELINES,
                "mlpipeline-minio-artifact",
                ("secretkey",),
                inside,
                {"accesskey": "pipelines"},
            ),
        ]
        whole = self._directory("platform-agnostic", ".", [gate, *passwords])
        after = pulumi.ResourceOptions(parent=self, depends_on=[whole])
        Gate(site, "pipelines-run", (), [], after, runs=[Namespace.PIPELINES])
        self.register_outputs({})

    def _directory(self, name: str, folder: str, after: list[pulumi.Resource]) -> pulumi.Resource:
        return k8s.kustomize.v2.Directory(
            f"pipelines-{name}",
            directory=_mirrored(self.site, folder) or str(OVERLAY / folder),
            namespace=Namespace.PIPELINES,
            skip_await=True,  # the gate waits
            opts=pulumi.ResourceOptions(parent=self, depends_on=after),
        )


def _mirrored(site: Site, folder: str) -> str | None:
    """Return a folder of the mirror, where `python -m infra.mirror` unpacked the archives, or None without a mirror."""
    file = site.mirrored(f"pipelines/{folder}/kustomization.yaml", versions().archives[ARCHIVE].sha256)
    return file and str(Path(file).parent)
