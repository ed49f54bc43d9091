"""A real vLLM on the CPU: base and adapter answer differently, and switching loses no answer in flight."""

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier

import pytest

from ml.adapters import vllm as at_vllm
from ml.adapters.backends import open_backend
from ml.adapters.deploy import deploy
from ml.adapters.follow import follow
from ml.adapters.in_force import LlmInForce
from ml.adapters.pointer import read_pointer
from ml.adapters.sidecar import KEPT, Adapters
from ml.adapters.vllm import load_adapter
from ml.errors import AdapterError, ModelError
from ml.llm.model import Llm
from ml.registry.mlflow_client import experiment_id, open_client, tracking_address
from ml.registry.tracking import EXPERIMENT
from ml.registry.versions import NAME as REGISTERED
from ml.registry.versions import Registry, Version
from ml.settings import Settings
from ml.training.base_model import BaseModel
from rag_service.answer.assistant import open_assistant
from rag_service.answer.generated import write
from tests.ml.support import write_peft_adapter
from tests.ml.vllm_server import vllm_server
from tests.support.indexing import index_folder
from tests.support.shop import write_shop

NAME, TOKENS = "smollm2", 24
QUESTION = "Where is the number of attempts to charge an order set?"


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("adapters")


@pytest.fixture(scope="session")
def vllm(base: BaseModel, shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with vllm_server(base.path, NAME, shared, tmp_path_factory.mktemp("vllm") / "log") as url:
        yield url


@pytest.fixture
def settings(vllm: str, shared: Path, tmp_path: Path) -> Settings:
    return Settings(
        llm="openai", llm_url=vllm, llm_model=NAME, llm_adapter_dir=str(shared), data_dir=str(tmp_path), evidence=1
    )


@pytest.fixture
def registry(settings: Settings, request: pytest.FixtureRequest) -> Registry:
    return Registry(tracking_address(settings), request.node.name.replace("_", "-"))


def promote_random(registry: Registry, folder: Path, base: BaseModel, seed: int, **shape: int) -> Version:
    adapter = write_peft_adapter(folder / f"seed-{seed}", base, seed, **shape)
    client = open_client(registry.address)
    run_id: str = client.create_run(experiment_id(client, "test")).info.run_id
    client.log_artifacts(run_id, str(adapter), "adapter")
    version = registry.register(run_id)
    assert registry.succeed(len(registry.history()), version)
    return version


def ask_llm(llm: Llm | None, tokens: int = TOKENS) -> tuple[str, str]:
    """Return an LLM's answer, and the model that the server names."""
    assert llm
    parts = list(llm.open(None).bind(max_tokens=tokens, temperature=0).stream("Write a story about a river."))
    models = {part.response_metadata["model_name"] for part in parts if "model_name" in part.response_metadata}
    (model,) = models
    return "".join(str(part.text) for part in parts), model


def test_base_and_adapters_answer_differently_and_rolling_back_restores_the_base(
    registry: Registry, settings: Settings, base: BaseModel, tmp_path: Path
) -> None:
    in_force = LlmInForce(settings)
    answers = [ask_llm(in_force.get())]
    for seed in (1, 2):
        promote_random(registry, tmp_path, base, seed)
        deployed = deploy(registry, settings, base)
        assert deployed
        assert deploy(registry, settings, base) == deployed
        answers.append(ask_llm(in_force.get()))
        assert answers[-1][1] == deployed.place.name
    assert len({text for text, _ in answers}) == 3
    for back in (1, 0):
        registry.rollback()
        deploy(registry, settings, base)
        assert ask_llm(in_force.get()) == answers[back]
    assert answers[0][1] == NAME


def test_answers_in_flight_during_a_switch_keep_their_adapter(
    registry: Registry, settings: Settings, base: BaseModel, tmp_path: Path
) -> None:
    promote_random(registry, tmp_path, base, 1)
    first = deploy(registry, settings, base)
    in_force = LlmInForce(settings)
    in_force.get()
    begun = Barrier(7)

    def answer() -> list[str]:
        llm = in_force.get()
        begun.wait(60)
        models = [ask_llm(llm, 60)[1]]
        models.append(ask_llm(in_force.get())[1])
        return models

    with ThreadPoolExecutor(6) as pool:
        running = [pool.submit(answer) for _ in range(6)]
        begun.wait(60)
        promote_random(registry, tmp_path, base, 2)
        second = deploy(registry, settings, base)
        answered = [reply.result() for reply in running]
    assert first
    assert second
    assert [models[0] for models in answered] == [first.place.name] * 6
    assert {models[1] for models in answered} <= {first.place.name, second.place.name}
    assert ask_llm(in_force.get())[1] == second.place.name


def test_the_assistant_loses_no_question(
    registry: Registry, settings: Settings, base: BaseModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(write, "ANSWER_TOKENS", TOKENS)
    settings = settings.model_copy(update={"store": str(tmp_path / "store")})
    write_shop(tmp_path / "shop")
    index_folder(settings, tmp_path / "shop")
    promote_random(registry, tmp_path, base, 1)
    deploy(registry, settings, base)
    with open_assistant(settings) as assistant, ThreadPoolExecutor(4) as pool:
        running = [pool.submit(assistant.answer, QUESTION) for _ in range(8)]
        promote_random(registry, tmp_path, base, 2)
        deploy(registry, settings, base)
        answers = [reply.result() for reply in running]
        last = assistant.answer(QUESTION)
    assert not [notice for answer in answers for notice in answer.notices]
    assert all(f"{NAME} (adapter " in answer.model and answer.citations for answer in answers)
    assert f"{NAME} (adapter 2)" in last.model


def test_an_adapter_that_vllm_rejects_changes_nothing(
    registry: Registry, settings: Settings, base: BaseModel, tmp_path: Path
) -> None:
    promote_random(registry, tmp_path, base, 1)
    deploy(registry, settings, base)
    for seed, shape in ((2, {"rank": 64}), (3, {"width": 1024})):
        promote_random(registry, tmp_path, base, seed, **shape)
        with pytest.raises(AdapterError, match="vLLM rejects"):
            deploy(registry, settings, base)
    promote_random(registry, tmp_path, replace(base, digest="0" * 64), 4)
    with pytest.raises(AdapterError, match="another base model"):
        deploy(registry, settings, base)
    pointer = read_pointer(settings)
    assert pointer
    assert pointer.version == 1
    assert ask_llm(LlmInForce(settings).get())[1] == pointer.model


def test_missing_settings_and_unreachable_servers_are_reported(
    registry: Registry, settings: Settings, base: BaseModel, tmp_path: Path
) -> None:
    promote_random(registry, tmp_path, base, 1)
    for wrong, cause in (
        ({"llm_adapter_dir": None}, "no folder is set"),
        ({"llm_model": "unknown"}, "does not serve unknown"),
        ({"llm_url": "http://127.0.0.1:9/v1"}, "does not answer"),
    ):
        with pytest.raises(AdapterError, match=cause):
            deploy(registry, settings.model_copy(update=wrong), base)
    with pytest.raises(AdapterError, match=r"vLLM rejects none: .*No adapter found"):
        load_adapter(settings, "none", tmp_path / "none")
    assert read_pointer(settings) is None


def test_a_server_without_the_adapter_finds_it_again(
    registry: Registry, settings: Settings, base: BaseModel, tmp_path: Path
) -> None:
    promote_random(registry, tmp_path, base, 1)
    deployed = deploy(registry, settings, base)
    assert deployed
    in_force = LlmInForce(settings)
    before = ask_llm(in_force.get())
    body = json.dumps({"lora_name": deployed.place.name}).encode()
    headers = {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(f"{settings.llm_url}/unload_lora_adapter", body, headers), timeout=60)
    assert ask_llm(in_force.get()) == before  # by vLLM's filesystem resolver, as after a restart or on another replica

    urllib.request.urlopen(urllib.request.Request(f"{settings.llm_url}/unload_lora_adapter", body, headers), timeout=60)
    shutil.rmtree(deployed.place)
    with pytest.raises(ModelError, match="no such model"):
        ask_llm(in_force.get())
    deploy(registry, settings, base)
    assert ask_llm(in_force.get()) == before


def test_adapters_reach_vllms_pod_from_mlflow_without_a_shared_folder(
    empty_mlflow_server: str,
    settings: Settings,
    shared: Path,
    base: BaseModel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(at_vllm, "IN_POD", shared)
    monkeypatch.setattr(at_vllm, "PAUSE", 0.1)
    in_pod = Adapters(settings.model_copy(update={"mlflow_url": empty_mlflow_server}))
    stage, assistant = (
        settings.model_copy(
            update={"llm_adapter_dir": None, "mlflow_url": empty_mlflow_server, "data_dir": str(tmp_path / name)}
        )
        for name in ("stage", "assistant")
    )
    assert in_pod.bring() == []

    adapter = write_peft_adapter(tmp_path / "run" / "adapter", base, 7)
    client = open_client(empty_mlflow_server)
    run_id: str = client.create_run(experiment_id(client, EXPERIMENT)).info.run_id
    client.log_artifacts(run_id, str(adapter), "adapter")
    client.set_terminated(run_id)
    with ThreadPoolExecutor(1) as pool:
        measuring = pool.submit(lambda: open_backend(stage).offer(tmp_path / "run").__enter__())
        (candidate,) = in_pod.bring()
        measured = measuring.result(120)
    assert measured.settings.llm_model == candidate

    registry = Registry(empty_mlflow_server, REGISTERED)
    version = registry.register(run_id)
    assert registry.succeed(len(registry.history()), version)
    assert len(in_pod.bring()) == 2
    deployed = deploy(registry, stage, base)
    assert deployed
    assert follow(assistant, empty_mlflow_server) == version.number
    text, model = ask_llm(LlmInForce(assistant).get())
    assert model == deployed.place.name
    assert text == ask_llm(LlmInForce(measured.settings).get())[0]

    for number in range(KEPT + 1):
        (shared / f"old-{number}").mkdir()
        os.utime(shared / f"old-{number}", (number, number))
    in_pod.bring()
    assert {deployed.place.name, candidate} <= {path.name for path in shared.iterdir()}
    assert not (shared / "old-0").exists()


def test_an_adapter_that_never_arrives_is_reported(
    settings: Settings, tmp_path: Path, base: BaseModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at_vllm, "BROUGHT_SECONDS", 0)
    alone = settings.model_copy(update={"llm_adapter_dir": None, "mlflow_url": "http://127.0.0.1:9"})
    with pytest.raises(AdapterError, match=r"was not downloaded from http://127\.0\.0\.1:9 into vLLM's pod"):
        at_vllm.offer_adapter(alone, write_peft_adapter(tmp_path / "adapter", base, 1), "codeintel-adapter-1-none")
    with pytest.raises(AdapterError, match="does not answer"):
        Adapters(settings.model_copy(update={"mlflow_url": "http://127.0.0.1:9"})).bring()
