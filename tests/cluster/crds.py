"""The custom resource definitions that charts would bring, from their projects' Go modules, which our go.mod files pin."""

from collections.abc import Iterator
from functools import cache

import yaml

from tests.cluster import knative, kserve, prometheus
from tests.cluster.api import Object
from tests.cluster.build import module_folder


@cache
def arrivals() -> dict[str, list[Object]]:
    """Gives for each chart or manifest (by the last part of its address) the definitions that come with it."""
    trainer = _definitions("trainer", "github.com/kubeflow/trainer/v2", "manifests/base/crds")
    jobset = _definitions("trainer", "sigs.k8s.io/jobset", "config/components/crd/bases")
    return {
        **{name: kserve.chart(name) for name in kserve.KINDS},
        "kubeflow-trainer": [*trainer, *jobset],
        "kube-prometheus-stack": prometheus.kinds(),
        "serving-crds.yaml": [kind for module in knative.MODULES for kind in _definitions("knative", module, "config")],
    }


def _definitions(module: str, path: str, folder: str) -> Iterator[Object]:
    """Gives the definitions below a folder of a Go module that is pinned by one of ours."""
    for file in sorted((module_folder(module, path) / folder).rglob("*.yaml")):
        text = file.read_text()
        if "kind: CustomResourceDefinition" in text:
            yield from (thing for thing in yaml.load_all(text, yaml.CSafeLoader) if isinstance(thing, dict))
