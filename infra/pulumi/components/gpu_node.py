"""The GPU node: its label, its taint, and the runtime class that mounts the driver into containers."""

import pulumi
import pulumi_kubernetes as k8s

from infra.pulumi.names import GPU, GPU_NODE_LABELS, RUNTIME, RUNTIME_CLASS
from infra.pulumi.parts.site import Site


class GpuNode(pulumi.ComponentResource):
    """Labels and taints the nodes that the settings name, so that only GPU pods are scheduled there.

    The kubelet of a node that Terraform made sets label and taint by itself.
    """

    def __init__(self, site: Site, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("codeintel:platform:GpuNode", "gpu-node", None, opts)
        mine = pulumi.ResourceOptions(parent=self)
        k8s.node.v1.RuntimeClass("nvidia", metadata=site.meta(RUNTIME_CLASS), handler=RUNTIME, opts=mine)
        for node in site.settings.gpu.nodes:
            self._mark(node, mine)
        self.register_outputs({})

    def _mark(self, node: str, opts: pulumi.ResourceOptions) -> None:
        k8s.core.v1.NodePatch(
            node,
            metadata=k8s.meta.v1.ObjectMetaPatchArgs(
                name=node, labels=GPU_NODE_LABELS, annotations={"pulumi.com/patchForce": "true"}
            ),
            spec=k8s.core.v1.NodeSpecPatchArgs(
                taints=[k8s.core.v1.TaintPatchArgs(key=GPU, value="present", effect="NoSchedule")]
            ),
            opts=opts,
        )
