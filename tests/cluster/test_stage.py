"""A compiled stage of the learning pipeline, as a pod on a real node with the objects the platform creates for it.

Kubeflow's driver and launcher need its whole installation; the test creates what they make of a stage: the pod, and
the arguments that say where its artifacts are. The stage's image is that of this Python; what it lacks is mounted: this
environment, in which kfp is where `make setup-ml` ran, and this machine's /usr with a shell.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import yaml

from infra.pulumi.components.learning import SEEING
from infra.pulumi.names import GPU, QDRANT, RUNTIME_CLASS, Namespace
from ml.pipelines.compile import COMPILED
from ml.pipelines.names import SETTINGS, STORE_SECRET, WORKSPACE_CLAIM
from testbed.codeintel import stores
from testbed.codeintel.serving_cluster import STEADY, ServingCluster
from testbed.codeintel.written import CODE, DISK, STORAGE, read_only, volume
from testbed.kubernetes.api import Api, Object
from testbed.machines import python_image
from testbed.pulumi.recorder import recorded

SPACE = Namespace.PIPELINES
VOLUME = f"{SPACE}-{WORKSPACE_CLAIM}"  # the training jobs' volume has the claim's name
OUTPUT = "/tmp/stage"
# The interpreter's folder too, as this environment links to it.
MOUNTED = {
    "stage-packages": sys.prefix,
    "stage-python": str(Path(python_image.INTERPRETER).parent),
    "stage-shell": "/usr",
}
ARTIFACT = {"name": "index", "type": {"schemaTitle": "system.Artifact"}, "uri": f"{OUTPUT}/index", "metadata": {}}

pytestmark = pytest.mark.skipif(find_spec("kfp") is None, reason="kfp is not installed (`make setup-ml`)")


@pytest.fixture(scope="module")
def api(serving: ServingCluster) -> Api:
    """Return the API of the cluster with Qdrant, and with the stages' objects in Kubeflow's namespace."""
    stores.apply(serving.api, serving.node(STEADY))
    state = recorded({"langfuse": False, "models": False})
    made = [each.inputs for each in state.resources.values() if "name" in each.inputs.get("metadata", {})]
    ours = [each for each in made if each["metadata"].get("namespace") == SPACE]
    claim = next(each for each in ours if each["kind"] == "PersistentVolumeClaim")
    claim["spec"]["storageClassName"] = STORAGE
    things = [next(each for each in made if each["kind"] == "Namespace" and each["metadata"]["name"] == SPACE)]
    things += [volume(serving.node("gpu"), claim, VOLUME), claim]
    things += [thing for name, folder in MOUNTED.items() for thing in read_only(name, SPACE, folder)]
    things += [each for each in ours if each["metadata"]["name"] == SETTINGS]
    things += [each for each in made if each["metadata"]["name"] in (SEEING, RUNTIME_CLASS)]
    for thing in (*things, _keys(serving.api)):
        serving.api.apply(thing)
    (job,) = (each for each in ours if each["kind"] == "Job" and each["metadata"]["name"].startswith(WORKSPACE_CLAIM))
    (first,) = job["spec"]["template"]["spec"]["containers"]
    test = "import os, sys; sys.exit(not os.access('/workspace', os.W_OK))"
    first |= {"image": python_image.NAME, "command": [python_image.INTERPRETER, "-c", test]}
    serving.api.apply(job)
    serving.api.wait("the workspace", lambda: (serving.api.get(job) or {}).get("status", {}).get("succeeded"))
    return serving.api


def _keys(api: Api) -> Object:
    """Return the stages' secret with the keys of the running Qdrant."""
    place = {"name": QDRANT.name, "namespace": QDRANT.namespace}
    live = api.get({"apiVersion": "v1", "kind": "Secret", "metadata": place})
    assert live
    metadata = {"name": STORE_SECRET, "namespace": SPACE}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": live["data"]}


def stage(name: str, arguments: dict[str, Any]) -> Object:
    """Return the pod of a compiled stage: its command, its environment from settings and secrets, its claim."""
    pipeline, platform = yaml.safe_load_all((COMPILED / "learning.yaml").read_text())
    container = pipeline["deploymentSpec"]["executors"][f"exec-{name}"]["container"]
    asked = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][f"exec-{name}"]
    references = [
        (one["envVar"], {f"{kind}KeyRef": {"name": each[f"{kind}Name"], "key": one[f"{kind}Key"], "optional": True}})
        for kind, part in (("configMap", "configMapAsEnv"), ("secret", "secretAsEnv"))
        for each in asked[part]
        for one in each["keyToEnv"]
    ]
    environment = [*container["env"], *({"name": variable, "valueFrom": value} for variable, value in references)]
    environment.append({"name": "PATH", "value": f"{sys.prefix}/bin:/usr/bin"})
    (workspace,), card = asked["pvcMount"], container["resources"].get("accelerator")
    claims = {"workspace": workspace["constant"], **{name: name for name in MOUNTED}}
    mounts = {"workspace": workspace["mountPath"], **MOUNTED}
    main = {
        "name": "main",
        "image": python_image.NAME,
        "command": container["command"],
        "resources": {"limits": {card["resourceType"]: card["resourceCount"]}} if card else {},
        "args": [each.replace("{{$}}", json.dumps(arguments)) for each in container["args"]],
        "env": environment,
        "volumeMounts": [{"name": each, "mountPath": path} for each, path in mounts.items()],
    }
    volumes = [{"name": each, "persistentVolumeClaim": {"claimName": claim}} for each, claim in claims.items()]
    spec = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "tolerations": asked["tolerations"],
        "containers": [main],
        "volumes": volumes,
    }
    metadata = {"name": f"stage-{name}", "namespace": SPACE, "labels": asked["podMetadata"]["labels"]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def test_the_indexing_stage_runs_as_compiled(serving: ServingCluster, api: Api) -> None:
    sources = [f"/{python_image.PACKAGES}/{CODE}/pipelines"]
    arguments = {
        "inputs": {"parameterValues": {"sources": sources, "pinned": ""}},
        "outputs": {"artifacts": {"index": {"artifacts": [ARTIFACT]}}, "outputFile": f"{OUTPUT}/output.json"},
    }
    pod = api.create(stage("build-code-index", arguments))
    api.wait("the stage's end", lambda: (api.get(pod) or {})["status"].get("phase") in ("Succeeded", "Failed"), 90)
    said = api.text(f"{api.path(pod)}/log")
    live = api.get(pod)
    assert live
    assert live["status"]["phase"] == "Succeeded", said
    assert live["spec"]["nodeName"] == "gpu"  # where its volume is
    assert "$ index /opt/packages" in said
    assert '"repository": "pipelines"' in said
    folder = serving.node("gpu").root / DISK / VOLUME
    assert folder.stat().st_gid == 65532


def test_the_training_stage_sees_the_gpu(api: Api) -> None:
    training, indexing = stage("fine-tune-llm", {}), stage("build-code-index", {})
    indexing["metadata"]["name"] = "another"

    def runtime(pod: Object) -> str | None:
        """Return the runtime class of a pod as the API server would create it."""
        name: str | None = api.apply(pod, dry_run=True)["spec"].get("runtimeClassName")
        return name

    assert training["spec"]["containers"][0]["resources"]["limits"] == {GPU: "5"}
    api.wait("the policy", lambda: runtime(training) == RUNTIME_CLASS, 30)
    assert runtime(indexing) is None
