"""The learning loop as one pipeline: the checked-in YAML is up to date, and it runs for real at a tiny size."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from ml.errors import PipelineError
from ml.pipelines.compile import COMPILED, compile_pipelines
from ml.pipelines.indexing import split_into_shards
from ml.pipelines.local import Outcome, run_learning
from ml.pipelines.names import IMAGE
from ml.registry.mlflow_client import open_client, tracking_address
from ml.registry.versions import Registry
from ml.settings import Settings

pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
]
EXAMPLES = Path(__file__).parents[2] / ".cache" / "examples"
TINY = {"pinned": "", "by_hand": "", "size": 20, "seed": 7, "epochs": 1.0, "max_steps": 2, "questions": 2}


def test_the_checked_in_pipelines_are_up_to_date(tmp_path: Path) -> None:
    for made in compile_pipelines(tmp_path):
        assert made.read_text() == (COMPILED / made.name).read_text(), "compile again: codeintel pipeline compile"


def documents(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    pipeline, platform = yaml.safe_load_all((COMPILED / f"{name}.yaml").read_text())
    return pipeline, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def test_the_images_registry_is_configurable(tmp_path: Path) -> None:
    for made in compile_pipelines(tmp_path, "registry.example:5000/"):
        own, there = made.read_text(), (COMPILED / made.name).read_text()
        assert own == there.replace(f"image: {IMAGE}", f"image: registry.example:5000/{IMAGE}") != there


@pytest.mark.parametrize("slices", [4, 10])
def test_training_requests_as_many_slices_as_the_cluster_offers(tmp_path: Path, slices: int) -> None:
    compile_pipelines(tmp_path, slices=slices)
    pipeline, _ = yaml.safe_load_all((tmp_path / "learning.yaml").read_text())
    container = pipeline["deploymentSpec"]["executors"]["exec-fine-tune-llm"]["container"]
    assert container["resources"]["accelerator"]["resourceCount"] == str(slices)
    assert container["resources"]["accelerator"]["count"] == str(slices)


def test_only_training_takes_the_whole_gpu() -> None:
    pipeline, on_cluster = documents("learning")
    executors = pipeline["deploymentSpec"]["executors"]
    cards = {
        name: executor["container"]["resources"].get("accelerator", {}).get("resourceCount", "0")
        for name, executor in executors.items()
    }
    assert cards.pop("exec-fine-tune-llm") == "5"
    assert set(cards.values()) == {"0"}
    training = on_cluster["exec-fine-tune-llm"]
    assert training["nodeSelector"] == {"labels": {"nvidia.com/gpu.present": "true"}}


def test_every_stage_has_volume_settings_secrets_and_retries() -> None:
    pipeline, on_cluster = documents("learning")
    assert len(on_cluster) == 5
    for executor in on_cluster.values():
        assert [mount["mountPath"] for mount in executor["pvcMount"]] == ["/workspace"]
        assert executor["configMapAsEnv"][0]["configMapName"] == "codeintel-settings"
        assert executor["secretAsEnv"][0]["secretName"] == "codeintel-store"
        # The volume may be on the GPU node, which accepts no other pods.
        assert [toleration["key"] for toleration in executor["tolerations"]] == ["nvidia.com/gpu"]
    tasks = pipeline["root"]["dag"]["tasks"]
    assert all(task["retryPolicy"]["maxRetryCount"] >= 1 for task in tasks.values())
    cached = {name for name, task in tasks.items() if task["cachingOptions"].get("enableCache")}
    assert cached == {"make-dataset"}  # the others leave more than artifacts, or read what changes


def test_the_fan_out_fits_one_node_and_grows_with_the_nodes(tmp_path: Path) -> None:
    def fan_out(file: Path) -> tuple[int, dict[str, str]]:
        pipeline, _ = yaml.safe_load_all(file.read_text())
        (loop,) = (each for each in pipeline["root"]["dag"]["tasks"].values() if "iteratorPolicy" in each)
        (executor,) = pipeline["deploymentSpec"]["executors"].values()
        return loop["iteratorPolicy"]["parallelismLimit"], executor["container"]["resources"]

    at_once, each = fan_out(COMPILED / "indexing.yaml")
    assert at_once == 2
    assert (each["resourceCpuRequest"], each["resourceMemoryRequest"]) == ("1", "2Gi")
    assert each["resourceMemoryLimit"] == "4Gi"
    compile_pipelines(tmp_path, at_once=16)
    assert fan_out(tmp_path / "indexing.yaml") == (16, each)


def test_a_nightly_fan_out_is_not_cached() -> None:
    pipeline, _ = documents("indexing")
    (loop,) = (part["dag"]["tasks"] for part in pipeline["components"].values() if "dag" in part)
    assert not any(task["cachingOptions"].get("enableCache") for task in loop.values())


def test_no_version_floats_and_no_stage_installs_anything() -> None:
    for name in ("learning", "indexing"):
        pipeline, _ = documents(name)
        for executor in pipeline["deploymentSpec"]["executors"].values():
            container = executor["container"]
            assert ":" in container["image"]
            assert not container["image"].endswith(":latest")
            assert "pip install" not in json.dumps(container)


def test_shards_contain_every_repository_once() -> None:
    sources = [f"https://git.example/{number}.git" for number in range(10)]
    shards = split_into_shards(sources, 4)
    assert sorted(source for shard in shards for source in shard) == sorted(sources)
    assert {len(shard) for shard in shards} == {2, 3}
    assert split_into_shards(sources[:2], 4) == [sources[:1], sources[1:2]]


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = tmp_path_factory.mktemp("loop")
    return Settings(store=str(folder / "store"), data_dir=str(folder / "data"))


def run(settings: Settings, **more: object) -> tuple[Outcome, list[tuple[str, str]]]:
    told: list[tuple[str, str]] = []
    arguments = TINY | {"sources": [str(EXAMPLES / "fastapi")]} | more
    outcome = run_learning(
        settings, Path(settings.data_dir) / "pipelines", arguments, lambda stage, line: told.append((stage, line))
    )
    return outcome, told


def test_from_a_repository_to_a_decision(settings: Settings, working_folder: Path) -> None:
    outcome, told = run(settings)
    stages = [stage for stage, line in told if not line]
    assert stages == ["build-code-index", "make-dataset", "fine-tune-llm", "evaluate-model", "register-model"]
    assert any(line.startswith("step 2/2 loss") for stage, line in told if stage == "fine-tune-llm")
    assert not outcome.promoted  # two steps teach nothing, and the gate notices
    assert outcome.reasons
    assert "<svg" in Path(outcome.report).read_text()
    assert Registry(tracking_address(settings)).production() is None

    # Restarted, as after a kill, it trains nothing twice: the same MLflow run, no step.
    again, told = run(settings)
    assert not [line for _, line in told if line.startswith("step")]
    assert again.promoted is outcome.promoted
    client = open_client(tracking_address(settings))
    experiment = client.get_experiment_by_name("codeintel-training")
    assert len(client.search_runs([experiment.experiment_id])) == 1


def test_a_failing_stage_is_a_one_line_error(settings: Settings) -> None:
    with pytest.raises(PipelineError, match=r"codeintel index: .*no-such-place") as failed:
        run(settings, sources=["/no-such-place"])
    assert "\n" not in str(failed.value)


def test_nothing_is_left_in_the_working_folder(settings: Settings, working_folder: Path) -> None:
    assert not (working_folder / "mlruns").exists()
    assert list((Path(settings.data_dir) / "mlflow-artifacts").iterdir())
