"""Charts, rendered by Helm with the platform's values; controllers of charts in Go modules, from images built here."""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from infra.pulumi.versions import versions
from testbed.errors import ClusterError
from testbed.kubernetes.api import Object
from testbed.kubernetes.manifests import read_objects

HELM = Path(sys.executable).with_name("helm")
KUBERNETES = versions().images["kubectl"].tag
OFTEN = {"initialDelaySeconds": 1, "periodSeconds": 1, "failureThreshold": 60}


def render(
    chart: Path,
    namespace: str,
    values: Mapping[str, object] | None = None,
    name: str | None = None,
    served: Iterable[str] = (),
) -> list[Object]:
    """Return the objects of a chart's folder or archive, definitions and hooks included, as `template` gives them."""
    return read_objects(template(chart, namespace, values, name, served, "--include-crds"))


def template(
    chart: Path,
    namespace: str,
    values: Mapping[str, object] | None = None,
    name: str | None = None,
    served: Iterable[str] = (),
    *more: str,
) -> str:
    """Return what a chart makes of these values, as a release called `name`.

    `served` are the APIs, such as `v1` or `apps/v1/Deployment`, that the cluster has beyond its own. Raise ClusterError if
    Helm can't render it with these values.
    """
    options = [f"--namespace={namespace}", f"--kube-version={KUBERNETES}", "--skip-tests", *more]
    options += [f"--api-versions={each}" for each in served]
    command = [str(HELM), "template", name or chart.name, str(chart), *options, "--values=-"]
    done = subprocess.run(command, input=yaml.safe_dump(values or {}), capture_output=True, text=True)
    if done.returncode:
        raise ClusterError(
            f"the chart {chart.name} can't be rendered: {done.stderr.strip()}", "mend the component's values"
        )
    return str(done.stdout)


def made_here(deployment: Object, program: str, image: str, node: str) -> Object:
    """Return a controller's Deployment with the single container `program`, from an image built here, on a node."""
    spec = deployment["spec"]["template"]["spec"]
    controller = next(each for each in spec["containers"] if each["name"] == program)
    controller |= {"image": image, "imagePullPolicy": "Never", "resources": {}}
    for probe in ("livenessProbe", "readinessProbe"):
        controller[probe] |= OFTEN
    spec |= {"containers": [controller], "nodeSelector": {"kubernetes.io/hostname": node}}
    return deployment
