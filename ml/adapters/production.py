"""The adapter that is Production here, checked against the base model in use."""

from pathlib import Path
from typing import TYPE_CHECKING

from ml.adapters.backends import open_backend
from ml.adapters.candidate import Candidate
from ml.adapters.pointer import read_pointer
from ml.errors import AdapterError

if TYPE_CHECKING:
    from ml.llm.model import Adapter
    from ml.settings import Settings


def find_adapter(settings: "Settings", candidate: Path | None = None) -> "Adapter | None":
    """Return the adapter to answer with, None for the base model alone: the candidate's file, or what is Production.

    Raise AdapterError for one that is damaged, or for another base model or kind of LLM.
    """
    backend = open_backend(settings)
    if not backend.takes_adapters:
        return None
    if candidate:
        return backend.read_candidate(candidate)
    pointer = read_pointer(settings) if settings.llm_adapter == "production" else None
    return backend.find_adapter(pointer) if pointer else None


def open_production(settings: "Settings") -> tuple[int, Candidate] | None:
    """Return the version that is Production and its adapter; None where none can be asked: the base model answers then."""
    backend, pointer = open_backend(settings), read_pointer(settings)
    if pointer is None or not backend.takes_adapters:
        return None
    try:
        adapter = backend.find_adapter(pointer)
    except AdapterError:  # one for another base model, or for another kind of LLM: the service leaves it aside too
        return None
    own = settings.model_copy(update={"llm_model": adapter.model}) if adapter.model else settings
    return pointer.version, Candidate(own, Path(adapter.path) if adapter.path else None, pointer.digest)
