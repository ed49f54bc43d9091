"""cert-manager: the certificates of KServe's and ClickHouse's webhooks."""

import pulumi

from infra.pulumi.names import Namespace
from infra.pulumi.parts.chart import release
from infra.pulumi.parts.gate import Gate
from infra.pulumi.parts.namespace import GuardedNamespace
from infra.pulumi.parts.site import Site

KINDS = ("certificates.cert-manager.io", "issuers.cert-manager.io")
SMALL = {"requests": {"cpu": "25m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}}
SAMPLE = {
    "apiVersion": "cert-manager.io/v1",
    "kind": "Issuer",
    "metadata": {"name": "sample", "namespace": Namespace.GATES},
    "spec": {"selfSigned": {}},
}


class CertManager(pulumi.ComponentResource):
    """cert-manager's chart; components that use its kinds depend on this one."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:CertManager", "cert-manager", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        space = GuardedNamespace(site, Namespace.CERT_MANAGER, "restricted", mine)
        values = {
            "crds": {"enabled": True, "keep": False},
            "resources": SMALL,
            "webhook": {"resources": SMALL},
            "cainjector": {"resources": SMALL},
            "startupapicheck": {"resources": SMALL},
        }
        chart = release(
            site,
            "cert-manager",
            Namespace.CERT_MANAGER,
            values,
            pulumi.ResourceOptions(parent=self, depends_on=[space]),
        )
        Gate(site, "cert-manager", KINDS, [SAMPLE], pulumi.ResourceOptions(parent=self, depends_on=[chart]))
        self.register_outputs({})
