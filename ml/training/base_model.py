"""The base model as a Hugging Face checkpoint: the embedded GGUF, converted once, or the user's own."""

import hashlib
import json
import shutil
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import platformdirs

from ml.errors import ModelError
from ml.llm.weights import embedded_weights
from ml.private import private_folder

EMBEDDED = "embedded"
ABOUT = "base.json"


@dataclass(frozen=True, slots=True)
class BaseModel:
    """The base model of an adapter: a folder or hub name to load, a display name, and the digest of its weights.

    For the embedded model it is the digest of the GGUF file, so that llama.cpp's backend can compare it.
    A model on the hub, whose weights were not read, has none ("").
    """

    path: str
    name: str
    digest: str


def open_base_model(name: str = EMBEDDED, cache: Path | None = None) -> BaseModel:
    """Return the base model: "embedded", a folder with a checkpoint, or a name on the hub, passed on unchanged.

    The embedded one is converted into the user's cache folder the first time: 25 s, 540 MB.
    Raise ModelError if the weights' package is missing or the folder does not contain a checkpoint.
    """
    if name == EMBEDDED:
        return _converted(embedded_weights(), cache or platformdirs.user_cache_path("codeintel", appauthor=False))
    folder = Path(name)
    if not folder.is_dir():
        if folder.is_absolute():
            raise ModelError(f"the base model {name} is not a folder", "set base_model to a checkpoint's folder")
        return BaseModel(name, name, "")
    if (folder / ABOUT).is_file():
        return _about(folder)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights or not (folder / "config.json").is_file():
        raise ModelError(
            f"{name} does not contain a checkpoint", "set base_model to a folder with config.json and *.safetensors"
        )
    return BaseModel(str(folder.resolve()), folder.resolve().name, file_digest(*weights))


def file_digest(*paths: Path) -> str:
    """Return the SHA-256 of a file, or of the concatenated digests of several files in the given order."""
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digests.append(hashlib.file_digest(file, "sha256"))
    return (
        digests[0].hexdigest()
        if len(digests) == 1
        else hashlib.sha256(b"".join(d.digest() for d in digests)).hexdigest()
    )


def _about(folder: Path) -> BaseModel:
    about = json.loads((folder / ABOUT).read_text())
    return BaseModel(str(folder), about["name"], about["digest"])


def _converted(gguf: Path, cache: Path) -> BaseModel:
    digest = file_digest(gguf)
    folder = cache / "base-models" / digest[:16]
    if not (folder / ABOUT).is_file():
        private_folder(folder.parent)
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            part = Path(scratch) / "checkpoint"
            _convert(gguf, part)
            about = asdict(BaseModel("", gguf.name.split(".")[0], digest))
            (part / ABOUT).write_text(json.dumps(about))
            _move(part, folder)
    return _about(folder)


def _move(part: Path, folder: Path) -> None:
    """Move a finished folder into place, unless another process was first."""
    try:
        part.rename(folder)
    except OSError:
        if not (folder / ABOUT).is_file():
            shutil.rmtree(folder)
            part.rename(folder)


def _convert(gguf: Path, target: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name)
    # The weights are dequantised when read: without this they would be saved as GGUF-quantised.
    model.hf_quantizer = None
    del model.config.quantization_config
    model.save_pretrained(target)
    AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name).save_pretrained(target)
