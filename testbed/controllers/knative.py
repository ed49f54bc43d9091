"""Knative Serving from its Go module: its own manifests, images built here, the platform's settings."""

import re

from infra.pulumi.components.knative import configuration
from infra.pulumi.parts.site import Site
from infra.pulumi.settings import Settings
from testbed.build import PARTS, build, module_folder
from testbed.kubernetes.api import Api, Object
from testbed.kubernetes.manifests import read_objects
from testbed.machines.images import Image

SPACE = "knative-serving"
MODULES = ("knative.dev/serving", "knative.dev/networking", "knative.dev/caching")
PROGRAMS = ("activator", "autoscaler", "controller", "webhook")
SIDECAR = "queue"
BUILT = re.compile(r"ko://knative\.dev/serving/cmd/(\w+)")  # image placeholders of Knative's own build
# Single-replica controllers need no autoscalers or disruption budgets.
LEFT_OUT = ("HorizontalPodAutoscaler", "PodDisruptionBudget")
FIRST = ("Namespace", "CustomResourceDefinition", "ServiceAccount", "ClusterRole", "ConfigMap", "Secret")
TESTED = {
    "config-network": {"ingress-class": "traefik.ingress.networking.knative.dev"},
    "config-autoscaler": {"stable-window": "12s", "scale-to-zero-grace-period": "6s", "panic-window-percentage": "50"},
    "config-deployment": {"queue-sidecar-memory-request": "32Mi", "queue-sidecar-memory-limit": "256Mi"},
}


def images(*names: str) -> tuple[Image, ...]:
    """Return images of some of Knative's programs."""
    folder = build(PARTS["knative"])
    return tuple(Image(_image(name), {name: folder / name}, [f"/{name}"]) for name in names)


def install(api: Api, node: str) -> None:
    """Install Knative on a node that is never powered off, and wait until its programs and webhook answer."""
    things = sorted(manifests(node), key=_rank)
    kinds = [thing for thing in things if thing["kind"] == "CustomResourceDefinition"]
    for thing in things:
        if thing["kind"] in FIRST:
            api.apply(thing, force=True)
    for kind in kinds:
        api.wait_for(kind, "Established")
    for thing in things:
        if thing["kind"] not in FIRST:
            api.apply(thing, force=True)
    for name in PROGRAMS:
        place = {"name": name, "namespace": SPACE}
        api.wait_for({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": place}, "Available")


def manifests(node: str) -> list[Object]:
    """Return Knative's objects from its module, placed on one node, with the platform's and the tests' settings."""
    texts = [
        BUILT.sub(lambda found: _image(found[1]), path.read_text())
        for module in MODULES
        for path in sorted((module_folder("knative", module) / "config").rglob("*.yaml"))
        if "post-install" not in path.parts and "hpa-autoscaling" not in path.parts
    ]
    things = [thing for text in texts for thing in read_objects(text)]
    return [_set_up(thing, node) for thing in things if thing["kind"] not in LEFT_OUT]


def _set_up(thing: Object, node: str) -> Object:
    name = thing["metadata"]["name"]
    if thing["kind"] == "ConfigMap":
        kept = {key: value for key, value in thing.get("data", {}).items() if key != "_example"}
        thing["metadata"].pop("annotations", None)
        return {**thing, "data": {**kept, **configuration(Site(Settings())).get(name, {}), **TESTED.get(name, {})}}
    if thing["kind"] == "Deployment":
        spec = thing["spec"]["template"]["spec"]
        spec["nodeSelector"] = {"kubernetes.io/hostname": node}
        for container in spec["containers"]:
            container["resources"]["requests"] = {"cpu": "10m", "memory": "32Mi"}
    return thing


def _rank(thing: Object) -> int:
    return FIRST.index(thing["kind"]) if thing["kind"] in FIRST else len(FIRST)


def _image(name: str) -> str:
    return f"dev.local/knative-{name}:1"
