"""Kubeflow Pipelines: its own MySQL and object store, without the default passwords of its manifests."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import Namespace
from infra.pulumi.parts.gate import Gate
from infra.pulumi.parts.namespace import GuardedNamespace
from infra.pulumi.parts.secret import checksum, generated_secret, keys
from infra.pulumi.parts.site import ROOT, Site
from infra.pulumi.versions import versions

OVERLAY = ROOT / "platform" / "pipelines"
ARCHIVE, SCOPED = "pipelines.tar.gz", "cluster-scoped-resources"
READERS = ("cache-server", "metadata-grpc-deployment", "ml-pipeline", "ml-pipeline-ui", "mysql", "seaweedfs")
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
            self._password("mysql-secret", "password", {"username": "root"}, inside, _root_sql),
            self._password("mlpipeline-minio-artifact", "secretkey", {"accesskey": "pipelines"}, inside),
        ]
        restarts = [restarting(checksum(passwords))]
        whole = self._directory("platform-agnostic", ".", [gate, *passwords], restarts)
        after = pulumi.ResourceOptions(parent=self, depends_on=[whole])
        Gate(site, "pipelines-run", (), [], after, runs=[Namespace.PIPELINES])
        self.register_outputs({})

    def _password(
        self,
        name: str,
        key: str,
        fixed: Mapping[str, str],
        opts: pulumi.ResourceOptions,
        rendered: Callable[[Mapping[str, str]], Mapping[str, str]] | None = None,
    ) -> k8s.core.v1.Secret:
        rotation = self.site.settings.rotation.pipelines
        return generated_secret(
            self.site, Namespace.PIPELINES, name, keys(key), opts, rotation=rotation, fixed=fixed, rendered=rendered
        )

    def _directory(
        self,
        name: str,
        folder: str,
        after: list[pulumi.Resource],
        transforms: Sequence[pulumi.ResourceTransform] = (),
    ) -> pulumi.Resource:
        return k8s.kustomize.v2.Directory(
            f"pipelines-{name}",
            directory=_mirrored(self.site, folder) or str(OVERLAY / folder),
            namespace=Namespace.PIPELINES,
            skip_await=True,  # the gate waits
            opts=pulumi.ResourceOptions(parent=self, depends_on=after, transforms=list(transforms)),
        )


def _root_sql(passwords: Mapping[str, str]) -> dict[str, str]:
    """Return the statements that MySQL runs at each start, for which it asks no password."""
    users = [f"'root'@'{host}' IDENTIFIED BY '{passwords['password']}'" for host in ("localhost", "%")]
    lines = [f"{verb} {user};" for user in users for verb in ("CREATE USER IF NOT EXISTS", "ALTER USER")]
    return {"root.sql": "\n".join([*lines, "GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;", ""])}


def restarting(annotations: Mapping[str, pulumi.Input[str]]) -> pulumi.ResourceTransform:
    """Return a transform that annotates the servers which read a password only at their start."""

    def annotate(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        props: Any = args.props
        if args.type_ != "kubernetes:apps/v1:Deployment" or props["metadata"]["name"] not in READERS:
            return None
        template = props["spec"]["template"]
        metadata = template["metadata"]
        metadata = {**metadata, "annotations": {**metadata.get("annotations", {}), **annotations}}
        spec = {**props["spec"], "template": {**template, "metadata": metadata}}
        return pulumi.ResourceTransformResult({**props, "spec": spec}, args.opts)

    return annotate


def _mirrored(site: Site, folder: str) -> str | None:
    """Return a folder of the mirror, where `python -m infra.mirror` unpacked the archives, or None without a mirror."""
    file = site.mirrored(f"pipelines/{folder}/kustomization.yaml", versions().archives[ARCHIVE].sha256)
    return file and str(Path(file).parent)
