"""Charts in Go modules: rendered by Helm with the platform's values, with images that are built here."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from testbed.errors import ClusterError
from testbed.kubernetes.api import Object

HELM = Path(sys.executable).with_name("helm")
OFTEN = {"initialDelaySeconds": 1, "periodSeconds": 1, "failureThreshold": 60}


def render(chart: Path, namespace: str, values: Mapping[str, object] | None = None) -> list[Object]:
    """Return the objects of a chart's folder. Raise ClusterError if Helm can't render it with these values."""
    options = [f"--namespace={namespace}", "--include-crds", "--values=-"]
    command = [str(HELM), "template", chart.name, str(chart), *options]
    done = subprocess.run(command, input=yaml.safe_dump(values or {}), capture_output=True, text=True)
    if done.returncode:
        raise ClusterError(
            f"the chart {chart.name} can't be rendered: {done.stderr.strip()}", "mend the component's values"
        )
    return [thing for thing in yaml.load_all(done.stdout, yaml.CSafeLoader) if thing]


def made_here(deployment: Object, program: str, image: str, node: str) -> Object:
    """Return a controller's Deployment with the single container `program`, from an image built here, on a node."""
    spec = deployment["spec"]["template"]["spec"]
    controller = next(each for each in spec["containers"] if each["name"] == program)
    controller |= {"image": image, "imagePullPolicy": "Never", "resources": {}}
    for probe in ("livenessProbe", "readinessProbe"):
        controller[probe] |= OFTEN
    spec |= {"containers": [controller], "nodeSelector": {"kubernetes.io/hostname": node}}
    return deployment
