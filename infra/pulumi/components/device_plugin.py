"""NVIDIA's device plugin with time-slicing: each card is offered as several `nvidia.com/gpu`."""

import json

import pulumi

from infra.pulumi.names import GPU, RUNTIME_CLASS, Namespace
from infra.pulumi.parts.chart import release
from infra.pulumi.parts.namespace import GuardedNamespace
from infra.pulumi.parts.site import Site


class DevicePlugin(pulumi.ComponentResource):
    """The device plugin. Its slices are a lock on the card; they share its memory and its faults.

    The resource keeps its name because KServe knows no other; a pod may request several slices because training
    and the production model take all of them.
    """

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:DevicePlugin", "device-plugin", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        space = GuardedNamespace(site, Namespace.GPU, "privileged", mine)
        release(
            site,
            "nvidia-device-plugin",
            Namespace.GPU,
            device_plugin_values(site),
            pulumi.ResourceOptions(parent=self, depends_on=[space]),
        )
        self.register_outputs({})


def device_plugin_values(site: Site) -> dict[str, object]:
    """Return the chart's values."""
    slicing = {
        "renameByDefault": False,
        "failRequestsGreaterThanOne": False,
        "resources": [{"name": GPU, "replicas": site.settings.gpu.slices}],
    }
    # The plugin reads YAML, of which JSON is a subset.
    config = json.dumps({"version": "v1", "sharing": {"timeSlicing": slicing}}, indent=1)
    return {
        "config": {"map": {"slices": config}, "default": "slices"},
        "runtimeClassName": RUNTIME_CLASS,
        "gfd": {"enabled": True},
        "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "200m", "memory": "256Mi"}},
    }
