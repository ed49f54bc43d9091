"""KServe in Knative mode, with the cache that keeps models on the GPU node's disk."""

from collections.abc import Mapping

import pulumi

from infra.pulumi.names import GPU, GPU_PRESENT, Namespace
from infra.pulumi.parts.admission import appended, change_pods
from infra.pulumi.parts.chart import release
from infra.pulumi.parts.gate import Gate
from infra.pulumi.parts.hub import downloads_with_token
from infra.pulumi.parts.namespace import GuardedNamespace
from infra.pulumi.parts.site import Site

LOCAL_KINDS = ("localmodelcaches.serving.kserve.io", "localmodelnodegroups.serving.kserve.io")
KINDS = ("inferenceservices.serving.kserve.io", "clusterservingruntimes.serving.kserve.io", *LOCAL_KINDS)
SAMPLE = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "sample", "namespace": Namespace.GATES},
    "spec": {"predictor": {"containers": [{"name": "kserve-container", "image": "registry.invalid/sample:1"}]}},
}
TOLERATING = "codeintel-downloads-tolerate-gpu"
TOLERATION = f'Object.spec.tolerations{{key: "{GPU}", operator: "Exists", effect: "NoSchedule"}}'
TOLERATE = appended("tolerations", TOLERATION)


class KServe(pulumi.ComponentResource):
    """KServe's definitions, then its controllers, then a gate until their webhooks answer."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:KServe", "kserve", None, opts)
        self.site = site
        # The cache's agent writes models to a folder on the node.
        mine = pulumi.ResourceOptions(parent=self)
        space = GuardedNamespace(site, Namespace.KSERVE, "privileged", mine)
        crds = [self._chart(name, {}, [space]) for name in ("kserve-crd", "kserve-localmodel-crd")]
        established = Gate(site, "kserve-kinds", KINDS, [], pulumi.ResourceOptions(parent=self, depends_on=crds))
        controller = self._chart("kserve-resources", controller_values(), [established])
        cache = self._chart("kserve-localmodel-resources", cache_values(site), [controller])
        Gate(site, "kserve", KINDS, [SAMPLE], pulumi.ResourceOptions(parent=self, depends_on=[cache]))
        self._downloads(pulumi.ResourceOptions(parent=self, depends_on=[cache]))
        self.register_outputs({})

    def _downloads(self, opts: pulumi.ResourceOptions) -> None:
        """Create the namespace of the cache's download jobs, which KServe expects to exist."""
        space = GuardedNamespace(self.site, Namespace.DOWNLOADS, "baseline", opts)
        downloads_with_token(self.site, Namespace.DOWNLOADS, pulumi.ResourceOptions(parent=self, depends_on=[space]))
        if self.site.settings.has_gpu and self.site.settings.caches_models:
            # KServe sets no toleration for the GPU node's taint and has no setting for one.
            change_pods(self.site, TOLERATING, TOLERATE, opts, Namespace.DOWNLOADS)

    def _chart(self, name: str, values: Mapping[str, object], after: list[pulumi.Resource]) -> pulumi.Resource:
        opts = pulumi.ResourceOptions(parent=self, depends_on=after)
        return release(self.site, name, Namespace.KSERVE, values, opts)


def controller_values() -> dict[str, object]:
    """Return the values of the controller's chart; Kourier is the ingress, so Istio's objects are not made."""
    gateway = {
        "domain": "svc.cluster.local",
        "ingressGateway": {"className": "kourier"},
        "disableIstioVirtualHost": True,
    }
    return {
        "kserve": {
            "controller": {"gateway": gateway},
            "localmodel": {"enabled": True},
            "storage": {"enableModelcar": False},
        }
    }


def cache_values(site: Site) -> dict[str, object]:
    """Return the values of the cache's chart: its agent runs on GPU nodes.

    It also selects `kserve/localmodel: worker`, whatever the values say: the chart merges its own selector in.
    """
    if not site.settings.has_gpu:
        return {}
    tolerations = [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}]
    agent = {"nodeSelector": {GPU_PRESENT: "true"}, "tolerations": tolerations}
    return {"kserve": {"localmodelnode": {"controller": agent}}}
