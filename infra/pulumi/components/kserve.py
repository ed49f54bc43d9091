"""KServe in Knative mode, with the cache that keeps models on the GPU node's disk."""

from collections.abc import Mapping

import pulumi

from infra.pulumi.names import GPU, GPU_PRESENT, Namespace
from infra.pulumi.parts.chart import release
from infra.pulumi.parts.gate import Gate
from infra.pulumi.parts.namespace import GuardedNamespace
from infra.pulumi.parts.site import Site

MODELS_ON_NODE = "/mnt/models"  # where pods find them; elsewhere KServe downloads for ever (kserve#5156)
LOCAL_KINDS = ("localmodelcaches.serving.kserve.io", "localmodelnodegroups.serving.kserve.io")
KINDS = ("inferenceservices.serving.kserve.io", "clusterservingruntimes.serving.kserve.io", *LOCAL_KINDS)
SAMPLE = {
    "apiVersion": "serving.kserve.io/v1beta1",
    "kind": "InferenceService",
    "metadata": {"name": "sample", "namespace": Namespace.GATES},
    "spec": {"predictor": {"containers": [{"name": "kserve-container", "image": "registry.invalid/sample:1"}]}},
}
ON_GPU_NODE = {
    "nodeSelector": {GPU_PRESENT: "true"},
    "tolerations": [{"key": GPU, "operator": "Exists", "effect": "NoSchedule"}],
}


class KServe(pulumi.ComponentResource):
    """Brings the definitions, then the controllers, then waits until their webhooks answer."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:KServe", "kserve", None, opts)
        self.site = site
        space = GuardedNamespace(site, Namespace.KSERVE, "baseline", pulumi.ResourceOptions(parent=self), foreign=True)
        crds = [self._chart(name, {}, [space]) for name in ("kserve-crd", "kserve-localmodel-crd")]
        established = Gate(site, "kserve-kinds", KINDS, [], pulumi.ResourceOptions(parent=self, depends_on=crds))
        controller = self._chart("kserve-resources", controller_values(site), [established])
        cache = self._chart("kserve-localmodel-resources", cache_values(site), [controller])
        Gate(site, "kserve", KINDS, [SAMPLE], pulumi.ResourceOptions(parent=self, depends_on=[cache]))
        self.register_outputs({})

    def _chart(self, name: str, values: Mapping[str, object], after: list[pulumi.Resource]) -> pulumi.Resource:
        opts = pulumi.ResourceOptions(parent=self, depends_on=after)
        return release(self.site, name, Namespace.KSERVE, values, opts)


def controller_values(site: Site) -> dict[str, object]:
    """Gives the values of the controller's chart; Kourier is the ingress, so Istio's objects are not made."""
    gateway = {
        "domain": "svc.cluster.local",
        "ingressGateway": {"className": "kourier", "createGateway": False},
        "disableIstioVirtualHost": True,
    }
    return {
        "kserve": {
            "controller": {"deploymentMode": "Knative", "gateway": gateway},
            "localmodel": {"enabled": True, "agent": {"hostPath": MODELS_ON_NODE, **_placed(site)}},
            "storage": {"enableModelcar": False},
        }
    }


def cache_values(site: Site) -> dict[str, object]:
    """Gives the values of the cache's chart: the agent runs where the models are kept."""
    return {
        "kserve": {
            "createSharedResources": False,  # the controller's chart has made them
            "localmodel": {"enabled": True, "agent": {"hostPath": MODELS_ON_NODE, **_placed(site)}},
            "localmodelnode": {"controller": _placed(site)},
        }
    }


def _placed(site: Site) -> dict[str, object]:
    return dict(ON_GPU_NODE) if site.settings.has_gpu else {}
