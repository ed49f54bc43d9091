"""KServe's own controller from its Go module, installed by that module's charts with the platform's values.

Not here: cert-manager (the cluster's CA issues the webhooks' certificate instead), and kube-rbac-proxy in front of
the controller's metrics.
"""

import base64
from collections.abc import Mapping
from pathlib import Path

from infra.pulumi.components.kserve import controller_values
from infra.pulumi.names import Namespace
from testbed.build import PARTS, build, module_folder
from testbed.controllers.charts import made_here, render
from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.certificates import Authority
from testbed.machines.images import Image

MODULE, PROGRAM = "github.com/kserve/kserve", "manager"
IMAGE = "dev.local/kserve-controller:1"
KINDS = ("kserve-crd", "kserve-localmodel-crd")


def image() -> Image:
    """Return the controller as an image."""
    return Image(IMAGE, {PROGRAM: build(PARTS["kserve"]) / PROGRAM}, [f"/{PROGRAM}"])


def chart(name: str, values: Mapping[str, object] | None = None) -> list[Object]:
    """Return the objects of one of KServe's charts."""
    return render(module_folder("kserve", MODULE) / "charts" / name, Namespace.KSERVE, values)


def install(api: Api, node: str, authority: Authority) -> None:
    """Install the kinds and the controller on a node that is never powered off, and wait until its webhooks answer."""
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": Namespace.KSERVE}})
    for kind in [thing for name in KINDS for thing in chart(name)]:
        api.apply(kind, force=True)
        api.wait_for(kind, "Established")
    for thing in _ordered(chart("kserve-resources", controller_values())):
        if thing["kind"] == "Certificate":
            api.apply(_issued(thing, authority))
        elif thing["kind"] != "Issuer":
            api.apply(_set_up(thing, node, authority), force=True)
        if thing["kind"] == "Deployment":
            api.wait_for(thing, "Available")


def _ordered(things: list[Object]) -> list[Object]:
    """Order the objects: the webhooks' server after its dependencies and before its clients."""
    late = ("Deployment", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration")
    return sorted(things, key=lambda thing: late.index(thing["kind"]) if thing["kind"] in late else -1)


def _issued(certificate: Object, authority: Authority) -> Object:
    """Return the Secret that cert-manager would create for a Certificate."""
    spec, place = certificate["spec"], certificate["metadata"]["namespace"]
    pair = authority.issue(spec["commonName"], hosts=tuple(spec["dnsNames"]))
    data = {"tls.crt": _encoded(pair.certificate), "tls.key": _encoded(pair.key)}
    metadata = {"name": spec["secretName"], "namespace": place}
    return {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls", "metadata": metadata, "data": data}


def _set_up(thing: Object, node: str, authority: Authority) -> Object:
    for hook in thing.get("webhooks", []):
        hook["clientConfig"]["caBundle"] = _encoded(authority.pair.certificate)
    return made_here(thing, PROGRAM, IMAGE, node) if thing["kind"] == "Deployment" else thing


def _encoded(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()
