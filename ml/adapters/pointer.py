"""The pointer to the adapter in force: one small file, replaced atomically, beside the adapters that it may name.

The service reads it, without MLflow; `ml.adapters.deploy` and `ml.adapters.follow` write it.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from uuid import uuid4

from ml.errors import AdapterError
from ml.private import private_folder
from ml.settings import Settings

FOLDER, FILE, PART, PUBLISHED = "adapters", "production.json", ".part", "serving"


@dataclass(frozen=True, slots=True)
class Pointer:
    """The adapter in force: for llama.cpp a GGUF `file` in the pointer's folder, for vLLM the `model` that serves it.

    `digest` is the SHA-256 of the weights file, `base_digest` that of the base model (ml.training.base_model);
    `system` and `prompt` are the texts that it was trained with; `prompt` contains {context} and {question}.
    """

    version: int
    run_id: str
    base_model: str
    base_digest: str
    digest: str
    system: str
    prompt: str
    file: str = ""
    model: str = ""

    def to_json(self) -> str:
        """Return the pointer as JSON text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)


def adapters_folder(settings: Settings) -> Path:
    """Return the folder of the current and the previous adapters."""
    return Path(settings.data_dir) / FOLDER


def pointer_file(settings: Settings) -> Path:
    """Return the path of the pointer; if the file does not exist, no adapter is in force."""
    return adapters_folder(settings) / FILE


def published_path(name: str) -> str:
    """Return the artifact path of a file that a deployment published: a backend's pointer, or a GGUF file."""
    return f"{PUBLISHED}/{name}"


def adapter_name(registry: str, version: int, run_id: str) -> str:
    """Return a name for a version's adapter that is never reused for other weights."""
    return f"{registry}-{version}-{run_id[:8]}"


def parse_pointer(text: str | bytes, place: str) -> Pointer:
    """Parse a pointer. Raise AdapterError naming the place that it came from."""
    try:
        pointer = Pointer(**json.loads(text))
        if all(isinstance(value, int if name == "version" else str) for name, value in asdict(pointer).items()):
            return pointer
    except (ValueError, TypeError):
        pass
    raise AdapterError(f"{place} does not name an adapter", "deploy it again with `codeintel promote`")


def read_pointer(settings: Settings) -> Pointer | None:
    """Read the pointer, or return None for the base model alone. Raise AdapterError if it can't be read."""
    file = pointer_file(settings)
    try:
        return parse_pointer(file.read_bytes(), str(file))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AdapterError(
            f"{file} can't be read ({error.strerror})", "let the service read its data folder"
        ) from error


def write_pointer(settings: Settings, pointer: Pointer | None) -> None:
    """Put an adapter in force, or none. A crash midway keeps the previous pointer. Raise AdapterError on failure."""
    file = pointer_file(settings)
    try:
        if pointer is None:
            file.unlink(missing_ok=True)
            return
        private_folder(file.parent)
        part = file.with_name(f"{uuid4().hex}{PART}")
        with part.open("w", encoding="utf-8") as new:
            new.write(pointer.to_json())
            new.flush()
            os.fsync(new.fileno())
        part.replace(file)
    except OSError as error:
        raise AdapterError(
            f"{file} can't be written ({error.strerror})", "free some disk space, or fix its permissions"
        ) from error
