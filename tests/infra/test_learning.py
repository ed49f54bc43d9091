"""The program creates exactly what the compiled pipelines name: settings, secrets, keys, the claim, the image."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from infra.pulumi.versions import versions
from ml.settings import Settings
from testbed.kubernetes.api import Object
from testbed.pulumi.recorder import prerequisites_of, recorded, secret_values
from testbed.pulumi.state import State
from tests.support.nightly import mostly_nightly

COMPILED = Path(__file__).parents[2] / "ml" / "pipelines" / "compiled"
NAMES = ("learning", "indexing")
SPACE = "kubeflow"
KEPT = {"codeintel-settings", "codeintel-store", "codeintel-records", "training-workspace"}


@pytest.fixture(scope="module")
def whole() -> State:
    return recorded(network={"git": ["10.1.0.0/16"], "downloads": True}, models={"token": "hf_token"})


def stages(name: str) -> Iterator[tuple[Object, Object]]:
    """Yield each stage's container and its Kubernetes configuration."""
    pipeline, platform = yaml.safe_load_all((COMPILED / f"{name}.yaml").read_text())
    on_cluster = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    for executor, content in pipeline["deploymentSpec"]["executors"].items():
        yield content["container"], on_cluster[executor]


def objects(state: State, kind: str, namespace: str = SPACE) -> dict[str, Object]:
    found = [each.inputs for each in state.resources.values() if each.inputs.get("kind") == kind]
    return {each["metadata"]["name"]: each for each in found if each["metadata"].get("namespace") == namespace}


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_and_secret_exists_where_the_stages_run(whole: State, name: str) -> None:
    settings, secrets = objects(whole, "ConfigMap"), objects(whole, "Secret")
    for _, asked in stages(name):
        for each in asked["configMapAsEnv"]:
            assert {one["configMapKey"] for one in each["keyToEnv"]} <= settings[each["configMapName"]]["data"].keys()
        for each in asked["secretAsEnv"]:
            assert {one["secretKey"] for one in each["keyToEnv"]} <= secrets[each["secretName"]]["data"].keys()


def test_every_claim_exists_where_the_stages_run(whole: State) -> None:
    mounted = [each["constant"] for _, asked in stages("learning") for each in asked["pvcMount"]]
    assert set(mounted) == objects(whole, "PersistentVolumeClaim").keys()
    assert not [
        asked for _, asked in stages("indexing") if "pvcMount" in asked
    ]  # its shards run on any node, so have no claim


@pytest.mark.parametrize("name", NAMES)
def test_every_image_is_built_here(name: str) -> None:
    built = {each.reference(None) for each in versions().images.values() if each.built_here}
    assert (
        {container["image"] for container, _ in stages(name)} == {versions().images["trainer"].reference(None)} <= built
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_is_a_setting(name: str) -> None:
    for container, asked in stages(name):
        mapped = [
            one["envVar"] for each in (*asked["configMapAsEnv"], *asked["secretAsEnv"]) for one in each["keyToEnv"]
        ]
        named = {*mapped, *(each["name"] for each in container.get("env", ()))} - {"HF_HOME", "HF_TOKEN"}
        assert {each.removeprefix("CODEINTEL_").lower() for each in named} <= Settings.model_fields.keys()


def test_nothing_unused_is_created_for_the_stages(whole: State) -> None:
    asked = [each for name in NAMES for _, each in stages(name)]
    settings = {one["configMapKey"] for each in asked for part in each["configMapAsEnv"] for one in part["keyToEnv"]}
    assert objects(whole, "ConfigMap")["codeintel-settings"]["data"].keys() == settings
    for secret in ("codeintel-store", "codeintel-records"):
        parts = [part for each in asked for part in each["secretAsEnv"] if part["secretName"] == secret]
        keys = {one["secretKey"] for part in parts for one in part["keyToEnv"]}
        assert objects(whole, "Secret")[secret]["data"].keys() == keys


def test_the_stages_have_the_assistants_settings(whole: State) -> None:
    made = objects(whole, "ConfigMap")["codeintel-settings"]["data"]
    spec = objects(whole, "StatefulSet", "codeintel")["assistant"]["spec"]["template"]["spec"]
    environment = {each["name"]: each.get("value") for each in spec["containers"][0]["env"]}
    own = {"base-model": "Qwen/Qwen2.5-Coder-7B-Instruct"}
    assert made == own | {
        name: environment[f"CODEINTEL_{name.upper().replace('-', '_')}"] for name in made.keys() - own
    }


def test_only_the_indexing_stage_may_change_the_vectors() -> None:
    for name in NAMES:
        for container, asked in stages(name):
            (store,) = (each for each in asked["secretAsEnv"] if each["secretName"] == "codeintel-store")
            indexes = "build_code_index" in container["args"]
            assert [each["secretKey"] for each in store["keyToEnv"]] == ["api-key" if indexes else "read-only-key"]


def test_the_keys_are_those_of_the_stores(whole: State) -> None:
    held = secret_values(whole)
    qdrant = held["codeintel-data", "qdrant"]
    assert held["kubeflow", "codeintel-store"] == {
        "api-key": qdrant["api-key"],
        "read-only-key": qdrant["read-only-key"],
    }
    langfuse = held["langfuse", "langfuse"]
    records = held["kubeflow", "codeintel-records"]
    assert records["langfuse-public-key"] == langfuse["public-key"]
    assert records["langfuse-secret-key"] == langfuse["secret-key"]


def test_the_stages_pods_carry_the_label_that_policies_select() -> None:
    labels = {each["podMetadata"]["labels"]["app.kubernetes.io/name"] for name in NAMES for _, each in stages(name)}
    assert labels == {"learning"}


@pytest.mark.parametrize("lacking", mostly_nightly(("pipelines", "qdrant", "mlflow"), always="pipelines"))
def test_without_its_requirements_the_learning_loop_creates_nothing(lacking: str) -> None:
    state = recorded({lacking: False})
    named = {each.inputs["metadata"].get("name") for each in state.resources.values() if "metadata" in each.inputs}
    assert not named & (KEPT - {"training-workspace"})


def test_they_come_after_the_creator_of_their_namespace(whole: State) -> None:
    for name in KEPT - {"training-workspace"}:
        (urn,) = (each.urn for each in whole.resources.values() if each.inputs.get("metadata", {}).get("name") == name)
        assert "platform-agnostic" in {
            whole.resources[each].name.removeprefix("pipelines-") for each in prerequisites_of(whole, urn)
        }


def test_a_stack_without_models_and_langfuse_names_neither() -> None:
    state = recorded({"models": False, "langfuse": False})
    assert objects(state, "ConfigMap")["codeintel-settings"]["data"].keys() == {
        "store",
        "store-shards",
        "store-replicas",
        "mlflow-url",
    }
    assert "codeintel-records" not in objects(state, "Secret")


def test_the_workspaces_first_pod_makes_it_the_stages_own_on_the_gpu_node(whole: State) -> None:
    def first_pod(state: State) -> Object:
        (job,) = objects(state, "Job").values()
        return dict(job["spec"]["template"]["spec"])

    pod = first_pod(whole)
    assert pod["securityContext"]["fsGroup"] == 65532  # of the image's user, platform/images/trainer
    assert pod["nodeSelector"] == {"nvidia.com/gpu.present": "true"}
    small = recorded({"gpuNode": False, "devicePlugin": False})
    assert "nodeSelector" not in first_pod(small)
    assert objects(small, "Job").keys() != objects(whole, "Job").keys()  # a job's template can't be changed


def test_the_training_stage_sees_the_gpu() -> None:
    def policies(state: State) -> set[str]:
        return {each.name for each in state.resources.values() if each.type.endswith(":MutatingAdmissionPolicy")}

    assert "codeintel-stages-see-the-card" in policies(recorded())
    assert "codeintel-stages-see-the-card" not in policies(recorded(gpu={"stages": False}))
    assert not policies(recorded({"gpuNode": False, "devicePlugin": False}))


def drift(state: State) -> Object:
    return dict(objects(state, "CronJob", "codeintel")["drift"]["spec"]["jobTemplate"]["spec"]["template"]["spec"])


def test_drift_is_measured_nightly_and_its_figures_handed_to_an_assistant(whole: State) -> None:
    pod, assistant = drift(whole), objects(whole, "StatefulSet", "codeintel")["assistant"]["spec"]
    (job,) = pod["containers"]
    (server,) = assistant["template"]["spec"]["containers"]
    assert job["args"] == ["drift"]
    (shared,) = (
        each["persistentVolumeClaim"]["claimName"] for each in pod["volumes"] if "persistentVolumeClaim" in each
    )
    assert shared == f"{assistant['volumeClaimTemplates'][0]['metadata']['name']}-assistant-0"
    beside = pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"][0]
    assert beside["labelSelector"]["matchLabels"] == {"statefulset.kubernetes.io/pod-name": "assistant-0"}
    ours, theirs = ({each["name"]: each for each in one["env"]} for one in (job, server))
    assert all(theirs[name] == each for name, each in ours.items())
    assert {each.removeprefix("CODEINTEL_") for each in ours} == {
        "HOME", "DATA_DIR", "MLFLOW_URL", "LANGFUSE_URL", "LANGFUSE_PUBLIC_KEY", "LANGFUSE_SECRET_KEY",
    }  # fmt: skip
    mounts = {each["mountPath"] for each in job["volumeMounts"]}
    assert ours["CODEINTEL_DATA_DIR"]["value"] in mounts


def test_without_langfuse_drift_reads_the_assistants_own_log() -> None:
    names = {each["name"] for each in drift(recorded({"langfuse": False}))["containers"][0]["env"]}
    assert names == {"HOME", "CODEINTEL_DATA_DIR", "CODEINTEL_MLFLOW_URL"}
    assert "drift" not in objects(recorded({"mlflow": False}), "CronJob", "codeintel")
