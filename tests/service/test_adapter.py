"""The adapter in force: served, followed without losing an answer, rejected where it does not fit."""

import gc
import json
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from ml.adapters.follow import open_follower
from ml.adapters.in_force import LlmInForce
from ml.adapters.pointer import adapters_folder, pointer_file, read_pointer, write_pointer
from ml.adapters.status import describe_llm
from ml.errors import AdapterError
from ml.llm.model import Llm
from ml.llm.runtime import Runtime, runtime
from ml.settings import Settings
from rag_service.answer.assistant import open_assistant
from rag_service.answer.generated import explain, write
from tests.support.adapters import POINTER, TEXTS, put_in_force, write_adapter
from tests.support.llm_server import llm_server, says
from tests.support.service import serving

BASE = "SmolLM2-135M-Instruct"
ASKED = "Write a long story about a river."
QUESTION = "Where is the number of attempts to charge an order set?"
TOKENS = 24


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(llm="embedded", data_dir=str(tmp_path))


@pytest.fixture
def shop(indexed: Settings, tmp_path: Path) -> Settings:
    """Return settings for the shop with a data folder of its own and the embedded LLM."""
    return indexed.model_copy(update={"data_dir": str(tmp_path), "llm": "embedded"})


def parts(llm: Llm | None, tokens: int = TOKENS) -> Iterator[str]:
    assert llm
    for part in llm.open(None).bind(max_tokens=tokens).stream(ASKED):
        yield str(part.text)


def ask_llm(llm: Llm | None) -> str:
    return "".join(parts(llm))


def loaded(llm: Llm | None) -> Runtime:
    assert llm
    return runtime(llm.place, llm.context, llm.adapter.path if llm.adapter else "")


def test_each_adapter_answers_differently_and_rolling_back_restores_the_base_model(settings: Settings) -> None:
    in_force = LlmInForce(settings)
    answers, names = [ask_llm(in_force.get())], []
    for version in (1, 2):
        put_in_force(settings, version, seed=version)
        llm = in_force.get()
        assert llm
        answers.append(ask_llm(llm))
        names.append(llm.name)
    assert names == [f"{BASE} (adapter 1)", f"{BASE} (adapter 2)"]
    assert len(set(answers)) == 3
    put_in_force(settings, 1, seed=1)
    assert ask_llm(in_force.get()) == answers[1]
    write_pointer(settings, None)
    llm = in_force.get()
    assert llm
    assert (llm.name, llm.adapter, llm.notice) == (BASE, None, "")
    assert ask_llm(llm) == answers[0]


def test_answers_in_flight_during_a_switch_keep_their_adapter(settings: Settings) -> None:
    put_in_force(settings, 1, seed=1)
    in_force = LlmInForce(settings)
    first = ask_llm(in_force.get())
    old = weakref.ref(loaded(in_force.get()))
    begun = threading.Barrier(4)

    def answer(number: int) -> str:
        stream = parts(in_force.get())
        text = next(stream) if number == 0 else ""  # one answer is being written, the others wait
        begun.wait(60)
        return text + "".join(stream)

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(answer, number) for number in range(3)]
        begun.wait(60)
        put_in_force(settings, 2, seed=2)
        second = ask_llm(in_force.get())
        assert second != first
        assert [reply.result() for reply in running] == [first] * 3
    running.clear()
    gc.collect()
    assert old() is None, "the old model is still loaded"
    assert ask_llm(in_force.get()) == second


def test_others_keep_the_old_adapter_while_one_loads_the_new(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_force = LlmInForce(settings)
    in_force.get()
    put_in_force(settings, 1, seed=1)
    loading, gate = threading.Event(), threading.Event()

    def slow(path: str, context: int, adapter: str) -> Runtime:
        loading.set()
        assert gate.wait(60)
        return runtime(path, context, adapter)

    monkeypatch.setattr("ml.llm.runtime.runtime", slow)
    with ThreadPoolExecutor(1) as pool:
        new = pool.submit(in_force.get)
        assert loading.wait(60)
        other = in_force.get()
        gate.set()
        assert other
        assert other.name == BASE
        found = new.result()
    assert found
    assert found.name == f"{BASE} (adapter 1)"


def test_the_service_loses_no_question_when_production_changes(shop: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write, "ANSWER_TOKENS", 16)
    monkeypatch.setattr(explain, "WHOLE", 600.0)  # how busy this machine is does not matter here
    settings = shop.model_copy(update={"llm_trusted_parameters": 0.1, "evidence": 1})

    def ask(url: str) -> str:
        with httpx.stream(
            "POST", f"{url}/api/ask", json={"question": QUESTION}, headers={"Accept": "text/event-stream"}, timeout=120
        ) as reply:
            lines = list(reply.iter_lines())
        answer = json.loads(lines[lines.index("event: answer") + 1].removeprefix("data: "))
        assert not answer["notices"]
        assert answer["citations"]
        return str(answer["model"])

    with serving(settings) as url, ThreadPoolExecutor(8) as pool:
        before = [pool.submit(ask, url) for _ in range(2)]
        before[0].result()
        put_in_force(settings, 1, seed=1)
        after = [pool.submit(ask, url) for _ in range(2)]
        names = [reply.result() for reply in (*before, *after)]
        names.append(ask(url))
        assert names[0].endswith(BASE)
        assert names[-1].endswith(f"{BASE} (adapter 1)")
        assert all(BASE in name for name in names)
        present = f"{BASE} (adapter 1)"
        assert httpx.get(f"{url}/readyz").json()["model"] == present
        assert {model["llm"] for model in httpx.get(f"{url}/v1/models").json()["data"]} == {present}
        assert f'codeintel_model_info{{model="{present}"}} 1.0' in httpx.get(f"{url}/metrics").text
    audit = [json.loads(line) for line in (Path(settings.data_dir) / "audit.jsonl").read_text().splitlines()]
    assert sorted(entry["model"] for entry in audit) == sorted(names)
    assert all(entry["complete"] for entry in audit)


def assert_rejected(settings: Settings, why: str) -> None:
    llm = LlmInForce(settings).get()
    assert llm
    assert (llm.name, llm.adapter) == (BASE, None)
    assert why in llm.notice


def test_an_adapter_for_another_base_model_is_rejected_and_the_base_model_stays(shop: Settings) -> None:
    put_in_force(shop, 4, seed=1)
    pointer = read_pointer(shop)
    assert pointer
    write_adapter(adapters_folder(shop) / pointer.file, 1, base="f" * 64)
    with open_assistant(shop) as assistant:
        answer = assistant.answer(QUESTION)
    assert answer.citations
    (notice,) = answer.notices
    assert notice.startswith("adapter 4 is for another base model than SmolLM2-135M-Instruct")
    assert "codeintel promote" in notice
    assert notice in describe_llm(shop)


def test_an_invalid_adapter_is_rejected(settings: Settings) -> None:
    pointer = put_in_force(settings, 1, seed=1)
    file = adapters_folder(settings) / pointer.file
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + b"x")
    assert_rejected(settings, "is damaged")
    file.write_bytes(whole[:500])
    assert_rejected(settings, "is not a GGUF model")
    file.unlink()
    assert_rejected(settings, "can't be read")
    write_pointer(settings, replace(pointer, file="../elsewhere.gguf"))
    assert_rejected(settings, "not for llama.cpp")
    for text in ("", "{}", '{"version": 1}', pointer.to_json().replace('"version": 1', '"version": "1"')):
        pointer_file(settings).write_text(text)
        assert_rejected(settings, "does not name an adapter")
    assert LlmInForce(settings.model_copy(update={"llm_adapter": "none"})).get()


def test_an_adapter_that_llama_cpp_cannot_load_is_rejected_on_switching(settings: Settings) -> None:
    in_force = LlmInForce(settings)
    in_force.get()
    pointer = put_in_force(settings, 1, seed=1)
    from ml.training.base_model import file_digest

    wrong = write_adapter(adapters_folder(settings) / "wrong.gguf", 1, width=64)
    write_pointer(settings, replace(pointer, file=wrong.name, digest=file_digest(wrong)))
    llm = in_force.get()
    assert llm
    assert llm.name == BASE
    assert "llama.cpp can't load" in llm.notice
    assert ask_llm(llm)


def test_a_candidate_is_measured_without_being_in_force(shop: Settings, tmp_path: Path) -> None:
    candidate = write_adapter(tmp_path / "candidate.gguf", 3)
    with open_assistant(shop, adapter=candidate) as assistant:
        llm = assistant.llm.get()
        assert llm
        assert llm.name == f"{BASE} (adapter candidate)"
        assert llm.adapter
        assert (llm.adapter.system, llm.adapter.prompt) == TEXTS
    with open_assistant(shop) as assistant:
        llm = assistant.llm.get()
        assert llm
        assert llm.name == BASE
    other = write_adapter(tmp_path / "other.gguf", 3, base="f" * 64)
    with pytest.raises(AdapterError, match="another base model"):
        open_assistant(shop, adapter=other)
    endpoint = shop.model_copy(update={"llm": "openai", "llm_url": "http://127.0.0.1:9/v1", "llm_model": "m"})
    with pytest.raises(AdapterError, match=r"is for llama\.cpp"):
        open_assistant(endpoint, adapter=candidate)


def test_with_an_adapter_the_prompt_is_the_one_of_training(indexed: Settings, tmp_path: Path) -> None:
    with llm_server(says("The charger tries five times [1].")) as endpoint:
        more = {"llm": "openai", "llm_url": endpoint.url, "llm_model": "base", "data_dir": str(tmp_path)}
        settings = indexed.model_copy(update=more)
        write_pointer(settings, replace(POINTER, version=7, base_model="base", model="codeintel-adapter-7"))
        with open_assistant(settings) as assistant:
            answer = assistant.answer(QUESTION)
        assert answer.model == "base (adapter 7)"
        (request,) = endpoint.requests
        assert request["model"] == "codeintel-adapter-7"
        system, user = (message["content"] for message in request["messages"])
        assert system == TEXTS[0]
        assert user.startswith('Code {literally}:\n<evidence n="1"')
        assert user.endswith(f"\nAsked: {QUESTION}")

        write_pointer(settings, replace(POINTER, base_model="another", model="codeintel-adapter-7"))
        with open_assistant(settings) as assistant:
            answer = assistant.answer(QUESTION)
        assert answer.model == "base"
        assert "is for another base model: another, not base" in answer.notices[0]
        assert endpoint.requests[1]["model"] == "base"


def test_a_trained_small_llm_gets_no_examples(settings: Settings) -> None:
    from ml.llm.model import Adapter
    from rag_service.answer.generated.prompt import adding_prompt, training_texts

    values = {"evidence": "7| x = {1}", "question": "what is x?"}
    untrained = adding_prompt().format_messages(**values)
    system, prompt = training_texts(writes=False)
    trained = adding_prompt(Adapter("adapter 1", system, prompt)).format_messages(**values)
    assert [message.type for message in untrained] == ["system", "human", "ai", "human"]
    assert trained == [untrained[0], untrained[-1]]
    assert trained[1].content == prompt.replace("{context}", "7| x = {1}").replace("{question}", "what is x?")


def test_the_service_needs_neither_mlflow_nor_torch(settings: Settings) -> None:
    put_in_force(settings, 1, seed=1)
    code = """
import sys
from ml.settings import Settings
from ml.adapters.follow import follow
from ml.adapters.follow import open_follower
from ml.adapters.in_force import LlmInForce
sys.modules.update(dict.fromkeys(("gguf", "kubeflow", "mlflow", "peft", "torch", "transformers")))
settings = Settings(llm="embedded", data_dir=sys.argv[1])
try:
    follow(settings, "http://127.0.0.1:9")
except Exception as error:
    print(error)
print(LlmInForce(settings).get().name)
"""
    done = subprocess.run([sys.executable, "-c", code, settings.data_dir], capture_output=True, text=True, check=True)
    away, name = done.stdout.splitlines()
    assert away.startswith("MLflow at http://127.0.0.1:9 does not answer")
    assert name == f"{BASE} (adapter 1)"


def test_only_the_configured_server_is_asked_about_production(settings: Settings) -> None:
    asked = {"mlflow_url": "https://mlflow.example"}
    assert open_follower(settings.model_copy(update=asked))
    for none in (
        {},
        {"mlflow_url": "sqlite:///mlflow.db"},
        asked | {"llm": "none"},
        asked | {"llm_adapter": "none"},
        asked | {"llm_adapter_poll": 0.0},
    ):
        assert open_follower(settings.model_copy(update=none)) is None
