"""The custom resource definitions of charts, from their projects' Go modules, which our go.mod files pin."""

from collections.abc import Iterator
from functools import cache

from testbed.build import module_folder
from testbed.controllers import knative, kserve, prometheus, trainer
from testbed.kubernetes.api import Object
from testbed.kubernetes.manifests import read_objects


@cache
def arrivals() -> dict[str, list[Object]]:
    """Return the definitions of each chart or manifest, by the last part of its address."""
    return {
        **{name: kserve.chart(name) for name in kserve.KINDS},
        trainer.NAME: trainer.kinds(),
        "kube-prometheus-stack": prometheus.kinds(),
        "serving-crds.yaml": [kind for module in knative.MODULES for kind in _definitions(module)],
    }


def _definitions(module: str) -> Iterator[Object]:
    """Yield the definitions among the manifests of one of Knative's modules."""
    for file in sorted((module_folder("knative", module) / "config").rglob("*.yaml")):
        text = file.read_text()
        if "kind: CustomResourceDefinition" in text:
            yield from read_objects(text)
