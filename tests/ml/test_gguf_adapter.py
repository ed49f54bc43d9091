"""llama.cpp with the converted adapter against transformers with the original."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ml.adapters import convert
from ml.adapters.convert import BASE_DIGEST, write_gguf
from ml.errors import TrainingError
from ml.llm.gguf import read_about
from ml.llm.weights import embedded_weights
from ml.training.base_model import BaseModel
from ml.training.job import TrainingData
from ml.training.result import TrainingResult
from tests.ml.support import facts

TOKENS = 16
STRONG = re.compile(r"\.(?:q_proj|k_proj)\.lora_B\.")
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft's


@pytest.fixture(scope="module")
def prompts(data: TrainingData) -> list[list[dict[str, str]]]:
    questions = [data.prompt.format(context=example.context, question=example.question) for example in facts(5, seed=3)]
    return [[{"role": "system", "content": data.system}, {"role": "user", "content": q}] for q in questions]


@pytest.fixture(scope="module")
def adapter(trained: TrainingResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the trained adapter with queries and keys scaled by six, so that the order of their rows matters."""
    from safetensors.numpy import load_file, save_file

    folder = tmp_path_factory.mktemp("gguf") / "adapter"
    shutil.copytree(trained.adapter, folder)
    tensors = load_file(folder / "adapter_model.safetensors")
    strong = {name: tensor * (6 if STRONG.search(name) else 1) for name, tensor in tensors.items()}
    save_file(strong, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def reference(adapter: Path, base: BaseModel, prompts: list[list[dict[str, str]]]) -> list[str]:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(base.path)
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base.path), adapter)
    answers = []
    for messages in prompts:
        inputs = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
        with torch.no_grad():
            output = model.generate(**inputs, max_new_tokens=TOKENS, do_sample=False)
        answers.append(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
    return answers


def llama_answers(prompts: list[list[dict[str, str]]], adapter: Path | None) -> list[str]:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(embedded_weights())
    params.n_ctx, params.verbosity, params.warmup, params.ui = 1024, 0, False, False
    if adapter:
        lora = xllamacpp.CommonAdapterLoraInfo()
        lora.path, lora.scale = str(adapter), 1.0
        params.lora_adapters = [lora]
    server = xllamacpp.Server(params)

    def answer(messages: list[dict[str, str]]) -> str:
        request = {"messages": messages, "temperature": 0, "max_tokens": TOKENS, "cache_prompt": False}
        reply: dict[str, Any] = server.handle_chat_completions(request)
        return str(reply["choices"][0]["message"]["content"])

    return [answer(messages) for messages in prompts]


def equal(ours: list[str], theirs: list[str]) -> int:
    return sum(a.strip() == b.strip() for a, b in zip(ours, theirs, strict=True))


def test_llama_cpp_answers_as_transformers_does(
    adapter: Path,
    base: BaseModel,
    prompts: list[list[dict[str, str]]],
    reference: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    converted = write_gguf(adapter, base, tmp_path / "adapter.gguf")
    assert read_about(str(converted))[BASE_DIGEST] == base.digest
    # llama.cpp rounds activations to 8 bits, so one answer of a few may diverge where two tokens are nearly equally likely.
    assert equal(llama_answers(prompts, converted), reference) >= len(prompts) - 1
    assert equal(llama_answers(prompts, None), reference) == 0

    monkeypatch.setattr(convert, "permute_rows", lambda rows, heads: rows)
    unpermuted = write_gguf(adapter, base, tmp_path / "unpermuted.gguf")
    assert equal(llama_answers(prompts, unpermuted), reference) <= len(prompts) // 2


def test_the_rows_of_a_head_are_interleaved() -> None:
    import numpy as np

    rows = np.arange(8, dtype=np.float32).reshape(8, 1)  # two heads of two rotary pairs
    assert convert.permute_rows(rows, 2).ravel().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_an_adapter_of_another_base_model_is_rejected(trained: TrainingResult, base: BaseModel, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="another base model"):
        write_gguf(trained.adapter, replace(base, digest="0" * 64), tmp_path / "adapter.gguf")
    assert not list(tmp_path.iterdir())


def test_an_adapter_that_llama_cpp_would_misread_is_rejected(
    trained: TrainingResult, base: BaseModel, tmp_path: Path
) -> None:
    adapter = tmp_path / "adapter"
    shutil.copytree(trained.adapter, adapter)
    config = json.loads((adapter / "adapter_config.json").read_text())
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"use_dora": True}))
    with pytest.raises(TrainingError, match="not a plain LoRA"):
        write_gguf(adapter, base, tmp_path / "adapter.gguf")


def test_a_folder_that_is_not_an_adapter_is_an_error(base: BaseModel, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="does not say which base model"):
        write_gguf(tmp_path, base, tmp_path / "adapter.gguf")
