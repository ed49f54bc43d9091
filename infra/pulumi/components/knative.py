"""Knative Serving, which scales pods by concurrent requests, and Kourier, its ingress."""

from collections.abc import Sequence

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import Namespace
from infra.pulumi.parts.gate import Gate
from infra.pulumi.parts.manifest import Object, manifest
from infra.pulumi.parts.namespace import GuardedNamespace
from infra.pulumi.parts.site import Site
from infra.pulumi.versions import registry_of

CORE = "serving-core.yaml"
KINDS = (
    "services.serving.knative.dev",
    "revisions.serving.knative.dev",
    "podautoscalers.autoscaling.internal.knative.dev",
    "ingresses.networking.internal.knative.dev",
)
SAMPLE = {
    "apiVersion": "serving.knative.dev/v1",
    "kind": "Service",
    "metadata": {"name": "sample", "namespace": Namespace.GATES},
    "spec": {"template": {"spec": {"containers": [{"image": "registry.invalid/sample:1"}]}}},
}
# Pod fields that KServe sets and Knative rejects by default (kserve#1425, #1433).
POD_FIELDS = (
    "nodeselector",
    "tolerations",
    "affinity",
    "runtimeclassname",
    "priorityclassname",
    "persistent-volume-claim",
    "persistent-volume-write",
    "init-containers",
    "securitycontext",
)
# Images of our models. Knative would ask their registry for each tag's digest, and refuse the revision without an answer;
# its controller reaches no registry (an air gap, plain HTTP, a pull secret), and our tags are versions that never move.
MODEL_IMAGES = ("vllm", "assistant")
UNRESOLVED = ("kind.local", "ko.local", "dev.local")  # Knative's own default
CONFIG = {
    "config-features": {f"kubernetes.podspec-{field}": "enabled" for field in POD_FIELDS},
    # A model that nobody has asked yet takes no card: the autoscaling test starts without pods.
    "config-autoscaler": {"allow-zero-initial-scale": "true"},
    "config-network": {"ingress-class": "kourier.ingress.networking.knative.dev"},
    "config-domain": {"svc.cluster.local": ""},  # nothing is exposed outside the cluster
    # Weights take minutes to load; by default a pod is given up after ten minutes and a first request after five.
    "config-deployment": {"progress-deadline": "1800s"},
    "config-defaults": {"revision-timeout-seconds": "600", "max-revision-timeout-seconds": "1800"},
}


class Knative(pulumi.ComponentResource):
    """Knative Serving, configured for KServe's pods and for models that start slowly."""

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:Knative", "knative", None, opts)
        self.site = site
        core = self._manifests()
        after = pulumi.ResourceOptions(parent=self, depends_on=core)
        gate = Gate(site, "knative", KINDS, [SAMPLE], after, runs=[Namespace.KNATIVE, Namespace.KOURIER])
        open_gate = pulumi.ResourceOptions(parent=self, depends_on=[gate])
        manifest(self.site, CORE, open_gate, _is_judged, "objects")
        self._configure(open_gate)
        self.register_outputs({})

    def _manifests(self) -> Sequence[pulumi.Resource]:
        mine = pulumi.ResourceOptions(parent=self)
        spaces = [
            GuardedNamespace(self.site, name, "baseline", mine) for name in (Namespace.KNATIVE, Namespace.KOURIER)
        ]
        crds = manifest(self.site, "serving-crds.yaml", pulumi.ResourceOptions(parent=self, depends_on=spaces))
        established = Gate(
            self.site, "knative-kinds", KINDS, [], pulumi.ResourceOptions(parent=self, depends_on=[crds])
        )
        after = pulumi.ResourceOptions(parent=self, depends_on=[established])
        return [manifest(self.site, file, after, _is_first) for file in (CORE, "kourier.yaml")]

    def _configure(self, opts: pulumi.ResourceOptions) -> None:
        for name, data in configuration(self.site).items():
            k8s.core.v1.ConfigMapPatch(
                name,
                metadata=k8s.meta.v1.ObjectMetaPatchArgs(
                    name=name, namespace=Namespace.KNATIVE, annotations={"pulumi.com/patchForce": "true"}
                ),
                data=data,
                opts=opts,
            )


def _is_first(thing: Object) -> bool:
    """Return whether an object belongs to the controllers themselves, and is not made already.

    The namespaces are ours, and the definitions in serving-crds.yaml.
    """
    return thing["kind"] not in ("Namespace", "CustomResourceDefinition") and not _is_judged(thing)


def _is_judged(thing: Object) -> bool:
    """Return whether an object is of Knative's own kinds: its webhook has to answer before one can be created."""
    group: str = thing["apiVersion"].partition("/")[0]
    return group.endswith(".knative.dev")


def configuration(site: Site) -> dict[str, dict[str, str]]:
    """Return the entries of Knative's ConfigMaps that differ from its defaults on this stack."""
    unresolved = sorted({*UNRESOLVED, *(registry_of(site.image(name)) for name in MODEL_IMAGES)})
    deployment = CONFIG["config-deployment"] | {"registries-skipping-tag-resolving": ",".join(unresolved)}
    return {**CONFIG, "config-deployment": deployment}
