import copy
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from ml.training.runtime import GPU, RuntimeArgs, training_runtime

ROOT = Path(__file__).parents[2]


def crd_schema() -> dict[str, Any]:
    """Gives the schema that a cluster checks the object by, unknown fields refused, as a strict client has it."""
    folder = Path(os.environ.get("CODEINTEL_TEST_CRDS", ROOT.parent / "shared" / "crds")) / "trainer"
    file = folder / "trainer.kubeflow.org_trainingruntimes.yaml"
    if not file.is_file():
        pytest.fail(
            f"{file} is missing. Bring it with\n"
            "  git clone --depth 1 --branch v2.3.0 https://github.com/kubeflow/trainer /tmp/trainer && "
            "mkdir -p /tmp/crds && ln -s /tmp/trainer/manifests/base/crds /tmp/crds/trainer\n"
            "and set CODEINTEL_TEST_CRDS=/tmp/crds"
        )
    version = yaml.safe_load(file.read_text())["spec"]["versions"][0]
    assert version["name"] == "v1alpha1"
    schema: dict[str, Any] = version["schema"]["openAPIV3Schema"]
    schema["properties"]["metadata"]["x-kubernetes-preserve-unknown-fields"] = True
    return dict(closed(schema))


def closed(schema: Any) -> Any:
    """Makes a structural schema say in JSON Schema's words what Kubernetes means by it."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {name: closed(part) for name, part in schema.items()}
    if result.get("x-kubernetes-int-or-string"):
        result.pop("type", None)
    if "properties" in schema and "type" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result["additionalProperties"] = False
    return result


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    return Draft202012Validator(crd_schema())


def test_a_cluster_takes_it(validator: Draft202012Validator) -> None:
    validator.validate(training_runtime(RuntimeArgs(image="example.org/trainer:1")))


def test_a_cluster_would_refuse_a_misspelt_field(validator: Draft202012Validator) -> None:
    runtime = copy.deepcopy(training_runtime(RuntimeArgs(image="example.org/trainer:1")))
    pod = runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    pod["nodeSelektor"] = {}
    assert [error.validator for error in validator.iter_errors(runtime)] == ["additionalProperties"]


def test_it_takes_the_whole_card_and_keeps_what_it_made() -> None:
    args = RuntimeArgs(image="example.org/trainer:1", gpus=5, node_selector={"disk": "fast"}, tolerated_taints=("gpu",))
    runtime = training_runtime(args)
    assert runtime["metadata"]["labels"] == {"trainer.kubeflow.org/framework": "torch"}
    job = runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]
    assert job["metadata"]["labels"] == {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}
    pod = job["spec"]["template"]["spec"]
    (node,) = pod["containers"]
    assert node["name"] == "node"
    assert node["resources"]["limits"][GPU] == 5
    assert node["resources"]["requests"][GPU] == 5
    assert pod["nodeSelector"] == {"disk": "fast"}
    assert pod["tolerations"] == [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]
    claims = {
        v["name"]: v["persistentVolumeClaim"]["claimName"] for v in pod["volumes"] if "persistentVolumeClaim" in v
    }
    assert claims == {"models": args.model_cache_claim, "workspace": args.workspace_claim}
    assert {mount["name"] for mount in node["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    assert pod["initContainers"][0]["command"][-4:] == ["unsloth", "transformers", "trl", "peft"]


def test_an_image_that_has_all_needs_no_installation(validator: Draft202012Validator) -> None:
    runtime = training_runtime(RuntimeArgs(image="example.org/trainer:1", packages=()))
    validator.validate(runtime)
    pod = runtime["spec"]["template"]["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    assert "initContainers" not in pod
