"""From Production in a real MLflow server to what the service loads: deployed, followed, rolled back, killed midway."""

import json
import multiprocessing
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from ml.adapters.backends import llama_cpp
from ml.adapters.deploy import deploy
from ml.adapters.follow import follow, open_follower
from ml.adapters.in_force import LlmInForce
from ml.adapters.pointer import PART, adapters_folder, pointer_file, published_path, read_pointer
from ml.errors import AdapterError, CodeIntelError
from ml.llm.weights import embedded_weights
from ml.registry.mlflow_client import experiment_id, open_client
from ml.registry.versions import Registry, Version
from ml.settings import Settings
from ml.training.base_model import BaseModel, file_digest
from ml.training.result import ABOUT
from tests.ml.support import write_peft_adapter


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(llm="embedded", data_dir=str(tmp_path / "data"))


@pytest.fixture
def registry(mlflow_server: str, request: pytest.FixtureRequest) -> Registry:
    return Registry(mlflow_server, request.node.name)


def promote_random(registry: Registry, folder: Path, base: BaseModel, seed: int) -> Version:
    """Make an adapter of random weights Production, bypassing the gate."""
    adapter = write_peft_adapter(folder / f"seed-{seed}", base, seed)
    client = open_client(registry.address)
    run_id: str = client.create_run(experiment_id(client, "test")).info.run_id
    client.log_artifacts(run_id, str(adapter), "adapter")
    version = registry.register(run_id)
    history = registry.history()
    assert registry.succeed(history[-1].generation if history else 0, version)
    return version


def ask_llm(settings: Settings) -> tuple[str, str]:
    """Return the name of the LLM in force, and its answer."""
    llm = LlmInForce(settings).get()
    assert llm
    assert not llm.notice
    return llm.name, str(llm.open(None).bind(max_tokens=12).invoke("Name a river.").text)


def test_production_is_served_and_rolled_back(
    registry: Registry, settings: Settings, base: BaseModel, tmp_path: Path
) -> None:
    assert deploy(registry, settings, base) is None
    answers = [ask_llm(settings)]
    for seed in (1, 2, 3):
        version = promote_random(registry, tmp_path, base, seed)
        deployed = deploy(registry, settings, base)
        assert deployed
        assert deployed.version == version
        answers.append(ask_llm(settings))
    assert [name.partition(" ")[2] for name, _ in answers] == ["", "(adapter 1)", "(adapter 2)", "(adapter 3)"]
    assert len({text for _, text in answers}) == 4
    assert len(list(adapters_folder(settings).glob("*.gguf"))) == 2  # the one in force, and its predecessor

    for back in (2, 1, 0):
        registry.rollback()
        deploy(registry, settings, base)
        assert ask_llm(settings) == answers[back]
    assert not pointer_file(settings).exists()


def write_marks(file: Path) -> tuple[int, ...]:
    """Return file metadata that changes on writing but not on reading."""
    found = file.stat()
    return found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def test_deploying_again_changes_nothing(
    registry: Registry, settings: Settings, base: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = promote_random(registry, tmp_path, base, 1)
    first = deploy(registry, settings, base)
    before = write_marks(pointer_file(settings))
    monkeypatch.setattr(llama_cpp, "write_gguf", None)  # not converted again
    assert deploy(registry, settings, base) == first
    assert write_marks(pointer_file(settings)) == before

    file = first.place if first else Path()
    file.write_bytes(b"damaged")
    deploy(registry, settings, base)
    assert "(adapter 1)" in ask_llm(settings)[0]
    pointer = read_pointer(settings)
    assert pointer
    assert (pointer.version, pointer.run_id, pointer.digest) == (1, version.run_id, file_digest(file))


def test_an_adapter_of_another_base_model_changes_nothing(
    registry: Registry, settings: Settings, base: BaseModel, tmp_path: Path
) -> None:
    promote_random(registry, tmp_path, base, 1)
    deploy(registry, settings, base)
    other = replace(base, digest="0" * 64)
    with pytest.raises(AdapterError, match="another base model"):
        deploy(registry, settings, other)
    promote_random(registry, tmp_path, other, 2)
    with pytest.raises(CodeIntelError, match="another base model"):
        deploy(registry, settings, base)
    assert "(adapter 1)" in ask_llm(settings)[0]
    assert deploy(registry, settings.model_copy(update={"llm": "none"}), base) is None
    assert "(adapter 1)" in ask_llm(settings)[0]


def die_at(point: str, address: str, name: str, settings: Settings, base: BaseModel) -> None:
    """Deploy in a process that is killed when it reaches a given point."""

    def die(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    places = {"the file's digest": (llama_cpp, "file_digest"), "its publication": (Registry, "add_text")}
    setattr(*places.get(point, (os, "fsync")), die)
    deploy(Registry(address, name), settings, base)


@pytest.mark.parametrize("point", ["the file's digest", "its publication", "the pointer's place"])
def test_a_kill_leaves_the_last_good_adapter(
    point: str, mlflow_server: str, settings: Settings, base: BaseModel, tmp_path: Path
) -> None:
    registry = Registry(mlflow_server, f"killed-{point}".replace(" ", "-").replace("'", ""))
    promote_random(registry, tmp_path, base, 1)
    deploy(registry, settings, base)
    before = ask_llm(settings)
    promote_random(registry, tmp_path, base, 2)
    child = multiprocessing.get_context("spawn").Process(
        target=die_at, args=(point, mlflow_server, registry.name, settings, base)
    )
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL
    assert ask_llm(settings) == before
    deploy(registry, settings, base)
    name, text = ask_llm(settings)
    assert "(adapter 2)" in name
    assert text != before[1]


def test_a_service_on_another_machine_follows(
    mlflow_server: str, settings: Settings, base: BaseModel, tmp_path: Path
) -> None:
    registry = Registry(mlflow_server)  # the name that services follow
    elsewhere = Settings(
        llm="embedded", data_dir=str(tmp_path / "elsewhere"), mlflow_url=mlflow_server, llm_adapter_poll=0.1
    )
    assert follow(elsewhere, mlflow_server) == 0
    promote_random(registry, tmp_path, base, 1)
    with pytest.raises(AdapterError, match=r"has no serving/embedded\.json: deploy it"):
        follow(elsewhere, mlflow_server)
    deploy(registry, settings, base)
    assert follow(elsewhere, mlflow_server) == 1
    assert ask_llm(elsewhere) == ask_llm(settings)

    following = open_follower(elsewhere)
    assert following
    following.start()
    try:
        in_force = LlmInForce(elsewhere)
        promote_random(registry, tmp_path, base, 2)
        deploy(registry, settings, base)
        wait_for_name(in_force, "(adapter 2)")
        registry.rollback()
        wait_for_name(in_force, "(adapter 1)")
        registry.rollback()
        wait_for_name(in_force, "SmolLM2-135M-Instruct")
    finally:
        following.stop()
    assert not [file for file in adapters_folder(elsewhere).iterdir() if file.suffix == PART]


def test_a_service_with_its_llm_at_vllm_follows_too(
    mlflow_server: str, settings: Settings, base: BaseModel, tmp_path: Path
) -> None:
    registry = Registry(mlflow_server)
    version = promote_random(registry, tmp_path, base, 1)
    served = settings.model_copy(update={"llm": "openai", "llm_url": "http://127.0.0.1:9/v1", "llm_model": "smollm2"})
    with pytest.raises(AdapterError, match=r"has no serving/openai\.json"):
        follow(served, mlflow_server)
    deploy(registry, settings, base)
    made = read_pointer(settings)
    assert made
    for_vllm = replace(made, base_model="smollm2", file="", model="codeintel-adapter-x")
    registry.add_text(version, for_vllm.to_json(), published_path("openai.json"))
    elsewhere = served.model_copy(update={"data_dir": str(tmp_path / "elsewhere")})
    assert follow(elsewhere, mlflow_server) == version.number
    llm = LlmInForce(elsewhere).get()
    assert llm
    assert (llm.name, llm.model) == (f"smollm2 (adapter {version.number})", "codeintel-adapter-x")
    assert follow(settings, mlflow_server) == version.number
    registry.rollback()
    assert follow(elsewhere, mlflow_server) == 0
    assert read_pointer(elsewhere) is None


def wait_for_name(in_force: LlmInForce, end: str) -> None:
    llm = in_force.get()
    for _ in range(300):
        llm = in_force.get()
        if llm and llm.name.endswith(end):
            return
        time.sleep(0.1)
    raise AssertionError(llm)


def test_an_unreachable_registry_changes_nothing(
    registry: Registry, settings: Settings, base: BaseModel, tmp_path: Path
) -> None:
    promote_random(registry, tmp_path, base, 1)
    deploy(registry, settings, base)
    with pytest.raises(AdapterError, match="does not answer"):
        follow(settings, "http://127.0.0.1:9")
    assert "(adapter 1)" in ask_llm(settings)[0]


def test_the_prompts_are_deployed_too(registry: Registry, settings: Settings, base: BaseModel, tmp_path: Path) -> None:
    promote_random(registry, tmp_path, base, 1)
    deploy(registry, settings, base)
    about = json.loads((tmp_path / "seed-1" / ABOUT).read_text())
    llm = LlmInForce(settings).get()
    assert llm
    assert llm.adapter
    assert (llm.adapter.system, llm.adapter.prompt) == (about["system"], about["prompt"])
    assert read_pointer(settings) is not None
    assert file_digest(embedded_weights()) == base.digest
