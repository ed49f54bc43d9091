"""Kubeflow Trainer's and JobSet's own controllers from their Go modules, by Trainer's chart with the platform's values.

JobSet's chart is a subchart, as in the published one; LeaderWorkerSet's, which those values disable, is not.
"""

import tempfile
import time
from functools import cache
from pathlib import Path

import yaml

from infra.pulumi.components.trainer import controller_values
from infra.pulumi.names import Namespace
from testbed.build import PARTS, build, module_folder
from testbed.codeintel.written import written
from testbed.controllers.charts import made_here, render
from testbed.kubernetes.api import Api, Object, condition
from testbed.machines.images import Image

PART, NAME = "trainer", "kubeflow-trainer"
TRAINER, JOBSET = "github.com/kubeflow/trainer/v2", "sigs.k8s.io/jobset"
PROGRAM = "manager"  # the entry point of both charts
CONTROLLERS = {  # Deployment: its program, its container, its image
    "kubeflow-trainer-controller-manager": ("trainer-controller-manager", "manager", "dev.local/trainer-controller:1"),
    "jobset-controller": ("jobset", "controller", "dev.local/jobset-controller:1"),
}


def images() -> tuple[Image, ...]:
    """Return the two controllers."""
    folder = build(PARTS[PART])
    return tuple(
        Image(image, {PROGRAM: folder / program}, [f"/{PROGRAM}"]) for program, _, image in CONTROLLERS.values()
    )


@cache
def kinds() -> list[Object]:
    """Return the definitions of both projects, from the chart."""
    return [thing for thing in _chart() if thing["kind"] == "CustomResourceDefinition"]


def install(api: Api, node: str) -> None:
    """Install the kinds and the controllers on a node that is never powered off, and wait until their webhooks answer."""
    for thing in (written("Namespace", Namespace.TRAINER), *kinds()):
        api.apply(thing, force=True)
    for kind in kinds():
        api.wait_for(kind, "Established")
    made = [api.apply(_set_up(api, thing, node), force=True) for thing in _chart() if thing not in kinds()]
    for each in made:
        if each["kind"] == "Deployment":
            api.wait(f"{each['metadata']['name']}", lambda each=each: _available(api, each))  # type: ignore[misc]


def _chart() -> list[Object]:
    """Return all objects of the chart, assembled as it is published."""
    source = module_folder(PART, TRAINER) / "charts" / NAME
    about = yaml.safe_load((source / "Chart.yaml").read_text())
    about["dependencies"] = [each for each in about["dependencies"] if each["name"] == "jobset"]
    with tempfile.TemporaryDirectory() as folder:
        chart = Path(folder) / NAME
        (chart / "charts").mkdir(parents=True)
        (chart / "Chart.yaml").write_text(yaml.safe_dump(about))
        for name in ("values.yaml", "templates", "files"):
            (chart / name).symlink_to(source / name)
        (chart / "charts" / "jobset").symlink_to(module_folder(PART, JOBSET) / "charts" / "jobset")
        return render(chart, Namespace.TRAINER, controller_values())


def _set_up(api: Api, thing: Object, node: str) -> Object:
    if api.namespaced(thing):
        thing["metadata"].setdefault("namespace", Namespace.TRAINER)  # as Helm does
    if thing["kind"] != "Deployment":
        return thing
    _, container, image = CONTROLLERS[thing["metadata"]["name"]]
    return made_here(thing, container, image, node)


def _available(api: Api, deployment: Object) -> bool:
    """Return whether a controller is available. It waits for its own certificate, a Secret in a volume.

    The kubelet syncs a Secret once a minute, and when the pod is changed, so the pod is annotated.
    """
    if condition(api.get(deployment) or {}, "Available") == "True":
        return True
    for pod in api.find("v1", "Pod", Namespace.TRAINER):
        api.patch(pod, {"metadata": {"annotations": {"looked-at": str(time.monotonic())}}})
    time.sleep(0.5)
    return False
