"""Adapters for the embedded LLM without torch: small GGUF files of random weights, and pointers that put them in force.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import random
import struct
from array import array
from dataclasses import replace
from pathlib import Path

from ml.adapters.convert import BASE_DIGEST, PROMPT, SYSTEM
from ml.adapters.pointer import Pointer, adapters_folder, write_pointer
from ml.llm.weights import embedded_weights
from ml.settings import Settings
from ml.training.base_model import file_digest

STRING, FLOAT32, F32_TENSOR, ALIGNMENT = 8, 6, 0, 32
LAYERS, WIDTH, VALUES, RANK = 30, 576, 192, 2  # of SmolLM2-135M: layers, hidden size, rows of attn_v
TEXTS = ("You explain code.", "Code {literally}:\n{context}\nAsked: {question}")


def write_adapter(path: Path, seed: int, *, base: str | None = None, width: int = WIDTH, strength: float = 0.1) -> Path:
    """Write a LoRA adapter that changes what the embedded LLM says, differently for each seed."""
    dice = random.Random(seed)
    tensors = [
        (f"blk.{layer}.attn_v.weight.lora_{side}", shape)
        for layer in range(LAYERS)
        for side, shape in (("a", (width, RANK)), ("b", (RANK, VALUES)))
    ]
    about: dict[str, str | float] = {
        "general.architecture": "llama",
        "general.type": "adapter",
        "adapter.type": "lora",
        "adapter.lora.alpha": 8.0,
        BASE_DIGEST: base or file_digest(embedded_weights()),
        SYSTEM: TEXTS[0],
        PROMPT: TEXTS[1],
    }
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(about))
    head += b"".join(_text(key) + _value(value) for key, value in about.items())
    data = b""
    for name, shape in tensors:
        head += _text(name) + struct.pack("<IQQIQ", 2, *shape, F32_TENSOR, len(data))
        numbers = array("f", (dice.gauss(0, strength) for _ in range(shape[0] * shape[1])))
        data += _padded(numbers.tobytes())
    path.write_bytes(_padded(head) + data)
    return path


def put_in_force(settings: Settings, version: int, seed: int) -> Pointer:
    """Deploy an adapter for the embedded LLM as `ml.adapters.deploy` leaves it."""
    folder = adapters_folder(settings)
    folder.mkdir(parents=True, exist_ok=True)
    file = write_adapter(folder / f"v{version}-{seed}.gguf", seed)
    pointer = replace(POINTER, version=version, file=file.name, digest=file_digest(file))
    write_pointer(settings, pointer)
    return pointer


POINTER = Pointer(
    version=1,
    run_id="0" * 32,
    base_model="SmolLM2-135M-Instruct",
    base_digest="",
    digest="",
    system=TEXTS[0],
    prompt=TEXTS[1],
)


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: str | float) -> bytes:
    return struct.pack("<I", STRING) + _text(value) if isinstance(value, str) else struct.pack("<If", FLOAT32, value)


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)
