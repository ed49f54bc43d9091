"""The real embedded LLM: it streams, stops when nobody listens, prints nothing, and names what is wrong with a file."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from ml.adapters.backends import open_llm
from ml.errors import ModelError
from ml.llm.gguf import read_model
from ml.llm.model import Llm
from ml.llm.runtime import runtime
from ml.llm.weights import embedded_weights
from ml.settings import Settings
from rag_service.answer.events import Answer
from rag_service.answer.generated.structured import fill_schema

QUESTION = {"messages": [{"role": "user", "content": "Count to twenty."}], "temperature": 0}


def embedded(**settings: object) -> Llm:
    llm = open_llm(Settings(llm="embedded", **settings))  # type: ignore[arg-type]  # settings of any kind
    assert llm is not None
    return llm


def writing() -> bool:
    return any(thread.name == "llm" for thread in threading.enumerate())


def wait_until_silent() -> None:
    end = time.monotonic() + 60
    while writing():
        assert time.monotonic() < end, "the LLM still writes"
        time.sleep(0.01)


def test_name_and_size_come_from_the_file_and_decide_on_trust() -> None:
    file = read_model(str(embedded_weights()))
    assert (file.name, file.context) == ("SmolLM2-135M-Instruct", 8192)
    assert 134e6 < file.parameters < 136e6
    assert not embedded().trusted
    assert embedded(llm_trusted_parameters=0.1).trusted


def test_it_streams_through_langchain_and_is_deterministic() -> None:
    chat = embedded().open(None).bind(max_tokens=12)
    first, second = ([str(part.text) for part in chat.stream("What is the capital of France?")] for _ in range(2))
    assert len(first) > 5
    assert any(letter.isalpha() for letter in "".join(first))
    assert first == second
    assert str(chat.invoke("What is the capital of France?").text) == "".join(first)


def test_two_threads_share_one_loaded_model() -> None:
    answers: list[str] = []
    model = runtime(str(embedded_weights()), 4096)
    asked = [
        threading.Thread(target=lambda: answers.append("".join(model.stream({**QUESTION, "max_tokens": 8}, 60))))
        for _ in range(2)
    ]
    for thread in asked:
        thread.start()
    for thread in asked:
        thread.join()
    assert runtime(str(embedded_weights()), 4096) is model
    assert len(set(answers)) == 1
    assert answers[0]


def test_it_stops_when_nobody_listens() -> None:
    parts = runtime(str(embedded_weights()), 4096).stream({**QUESTION, "max_tokens": 3000}, 60)
    next(parts)
    assert writing()
    parts.close()  # type: ignore[attr-defined]  # a generator
    wait_until_silent()


def test_a_silent_model_is_a_model_error() -> None:
    parts = runtime(str(embedded_weights()), 4096).stream({**QUESTION, "max_tokens": 5}, 0.0)
    with pytest.raises(ModelError, match="no token within 0 s"):
        list(parts)
    wait_until_silent()


def test_a_prompt_beyond_the_context_is_a_model_error() -> None:
    long = {"messages": [{"role": "user", "content": "word " * 6000}]}
    with pytest.raises(ModelError, match="context"):
        list(runtime(str(embedded_weights()), 4096).stream(long, 60))


def test_it_writes_nothing_to_the_terminal_and_listens_nowhere(tmp_path: Path) -> None:
    code = """
import psutil
from ml.llm.weights import embedded_weights
from ml.llm.runtime import runtime
model = runtime(str(embedded_weights()), 512)
list(model.stream({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3}, 60))
print([c for c in psutil.Process().net_connections("inet")])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"no model", b"GGUF" + bytes(60), b"GGUF\x03\0\0\0" + b"\xff" * 64])
def test_a_file_that_is_not_a_model_is_a_model_error(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "model.gguf"
    file.write_bytes(content)
    with pytest.raises(ModelError, match="not a GGUF model"):
        embedded(llm_model=str(file))


def test_a_missing_file_is_a_model_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="can't be read"):
        embedded(llm_model=str(tmp_path / "none.gguf"))


def test_a_truncated_model_is_a_model_error(tmp_path: Path) -> None:
    file = tmp_path / "half.gguf"
    with embedded_weights().open("rb") as whole:
        file.write_bytes(whole.read(20_000_000))
    with pytest.raises(ModelError, match=r"llama\.cpp can't load"):
        list(embedded(llm_model=str(file)).open(None).stream("Hi"))


def test_a_schema_becomes_a_grammar() -> None:
    schema = {
        "type": "object",
        "properties": {
            "kind": {"$ref": "#/$defs/kind"},
            "language": {"const": "python"},
            "is_test": {"type": "boolean"},
        },
        "required": ["kind", "language", "is_test"],
        "additionalProperties": False,
        "$defs": {"kind": {"enum": ["class", "function"]}},
    }
    answer = Answer("", "Where is it set?", "In `charge.py` [1].", (), "evidence", {})
    filled = json.loads(fill_schema(embedded(), answer, schema, "en"))
    assert filled.keys() == {"kind", "language", "is_test"}
    assert filled["kind"] in ("class", "function")
    assert filled["language"] == "python"
    assert filled["is_test"] in (True, False)
