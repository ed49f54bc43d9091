"""The size of the machine that the Terraform module makes, by its own defaults."""

import re

from infra.pulumi.parts.site import ROOT
from testbed.pulumi.quantities import Resources

FILE = ROOT / "infra" / "terraform-hypervisor" / "modules" / "passthrough" / "variables.tf"
# What k3s and the kubelet, CoreDNS, metrics-server and local-path-provisioner take of it.
SYSTEM = Resources(cpu=1.0, memory=2 << 30)


def terraform_node() -> Resources:
    """Return the size of the VM by the defaults of Terraform's module."""
    text = FILE.read_text()
    found = [re.search(rf'variable "{name}".*?default\s*= (\d+)', text, re.DOTALL) for name in ("vcpus", "memory_gib")]
    cpu, memory = (int(each[1]) for each in found if each)
    return Resources(cpu=float(cpu), memory=memory << 30)


def room() -> dict[str, str]:
    """Return what pods can request there, as a node's status says it."""
    node = terraform_node()
    return {"cpu": str(node.cpu - SYSTEM.cpu), "memory": str(node.memory - SYSTEM.memory), "pods": "110"}
