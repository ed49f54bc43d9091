"""Convert a LoRA adapter for llama.cpp, from a PEFT folder to one GGUF file.

Format: https://github.com/ggml-org/llama.cpp, convert_lora_to_gguf.py and src/llama-adapter.cpp.
"""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.errors import TrainingError
from ml.training.base_model import BaseModel
from ml.training.result import base_digest_of, texts_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

BASE_DIGEST, SYSTEM, PROMPT = "codeintel.base_digest", "codeintel.system", "codeintel.prompt"
MODULES = {
    "q_proj": "attn_q",
    "k_proj": "attn_k",
    "v_proj": "attn_v",
    "o_proj": "attn_output",
    "gate_proj": "ffn_gate",
    "up_proj": "ffn_up",
    "down_proj": "ffn_down",
}
TENSOR = re.compile(r"\.layers\.(?P<layer>\d+)\.(?:self_attn|mlp)\.(?P<module>\w+)\.lora_(?P<side>[AB])\.weight$")


def write_gguf(adapter: Path, base: BaseModel, target: Path) -> Path:
    """Write an adapter of the Llama architecture as GGUF for llama.cpp, and return the file.

    The file records its base model and the texts it was trained with. It is written atomically.
    Raise TrainingError if the adapter is for another base model, or of a kind that llama.cpp does not support (DoRA,
    rank-stabilised LoRA, modules other than the seven projections).
    """
    from safetensors.numpy import load_file

    if base_digest_of(adapter) != base.digest:
        raise TrainingError(f"{adapter} was trained on another base model than {base.name}", "train it on this one")
    config = json.loads((adapter / "adapter_config.json").read_text())
    if config.get("use_dora") or config.get("use_rslora"):
        raise TrainingError(f"{adapter} is not a plain LoRA", "train it without DoRA or rank stabilisation")
    heads = json.loads((Path(base.path) / "config.json").read_text())
    tensors = load_file(adapter / "adapter_model.safetensors")
    named = dict(_converted(name, tensor.astype("float32"), heads) for name, tensor in sorted(tensors.items()))
    part = target.with_name(target.name + ".part")
    _write(part, named, float(config["lora_alpha"]), base, texts_of(adapter))
    return part.replace(target)


def _converted(name: str, tensor: "Matrix", config: dict[str, Any]) -> "tuple[str, Matrix]":
    found = TENSOR.search(name)
    if not found or found["module"] not in MODULES:
        raise TrainingError(f"llama.cpp can't apply {name}", "train the seven projections only")
    module, side = found["module"], found["side"]
    if side == "B" and module in ("q_proj", "k_proj"):
        count = config["num_attention_heads" if module == "q_proj" else "num_key_value_heads"]
        tensor = permute_rows(tensor, count)
    return f"blk.{found['layer']}.{MODULES[module]}.weight.lora_{side.lower()}", tensor


def permute_rows(rows: "Matrix", heads: int) -> "Matrix":
    """Reorder the rows of a query or key projection, shape (out, rank), for llama.cpp.

    Hugging Face keeps the two halves of each head's rotary pairs apart; llama.cpp interleaves them.
    """
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def _write(path: Path, tensors: "dict[str, Matrix]", alpha: float, base: BaseModel, texts: tuple[str, str]) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(path, "llama")
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", alpha)
    writer.add_string("codeintel.base_model", base.name)
    writer.add_string(BASE_DIGEST, base.digest)
    for key, text in zip((SYSTEM, PROMPT), texts, strict=True):
        writer.add_string(key, text)
    for name, tensor in tensors.items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
