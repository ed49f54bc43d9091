"""The fine-tuned adapter as the LLM takes it: found, and checked against the base model in use. No MLflow, no torch."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ml.adapters.pointer import adapters_folder, read_pointer
from ml.errors import AdapterError, ModelError

if TYPE_CHECKING:
    from ml.adapters.pointer import Pointer
    from ml.settings import Settings

DEPLOY = "deploy the right one with `codeintel promote`; until then the base model answers alone"


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter: its `label` for people, its GGUF file (`path`) or its name at the endpoint (`model`).

    `system` and `prompt` are the texts it was trained with, and so is asked with; `prompt` holds {context}, {question}.
    """

    label: str
    system: str
    prompt: str
    path: str = ""
    model: str = ""


def candidate_adapter(path: Path, base: str) -> Adapter:
    """Gives an adapter that nobody promoted, for the GGUF base model at a path. Raises AdapterError."""
    return _from_file(path, base, "adapter candidate")


def production_adapter(settings: "Settings", base: str) -> Adapter | None:
    """Gives the adapter that is Production, or None where none is; `base` is the GGUF file, or the endpoint's model.

    Raises AdapterError for one that is damaged or for another base model.
    """
    pointer = read_pointer(settings)
    if pointer is None:
        return None
    label = f"adapter {pointer.version}"
    if settings.llm == "openai":
        return _at_endpoint(pointer, base, label)
    if not pointer.file or Path(pointer.file).name != pointer.file:
        raise AdapterError(f"{label} was deployed for an endpoint, not for llama.cpp", DEPLOY)
    path = adapters_folder(settings) / pointer.file
    adapter = _from_file(path, base, label)
    if digest_of(path) != pointer.digest:
        raise AdapterError(f"{label} at {path} is damaged", DEPLOY)
    return adapter


def _at_endpoint(pointer: "Pointer", base: str, label: str) -> Adapter:
    if not pointer.model:
        raise AdapterError(f"{label} was deployed for llama.cpp, not for an endpoint", DEPLOY)
    if pointer.base_model != base:
        raise AdapterError(f"{label} is for another base model: {pointer.base_model}, not {base}", DEPLOY)
    return Adapter(label, pointer.system, pointer.prompt, model=pointer.model)


def _from_file(path: Path, base: str, label: str) -> Adapter:
    from ml.adapters.convert import BASE_DIGEST, PROMPT, SYSTEM
    from ml.llm.gguf import read_about

    try:
        about = read_about(str(path))
    except ModelError as error:
        raise AdapterError(f"{label}: {error.cause}", DEPLOY) from error
    if about.get("general.type") != "adapter" or not {BASE_DIGEST, PROMPT, SYSTEM} <= about.keys():
        raise AdapterError(f"{path} is no adapter of codeintel's", DEPLOY)
    if about[BASE_DIGEST] != digest_of(Path(base)):
        raise AdapterError(f"{label} is for another base model than {Path(base).name}", DEPLOY)
    return Adapter(label, str(about[SYSTEM]), str(about[PROMPT]), path=str(path.resolve()))


def digest_of(path: Path) -> str:
    """Gives the SHA-256 of a file, read once as long as it does not change. Raises AdapterError where it can't be read."""
    try:
        about = path.stat()
        return _digest(path, about.st_size, about.st_mtime_ns)
    except OSError as error:
        raise AdapterError(f"{path} can't be read ({error.strerror})", "let the service read it") from error


@lru_cache(maxsize=8)
def _digest(path: Path, size: int, changed: int) -> str:
    from ml.training.base_model import file_digest

    return file_digest(path)
