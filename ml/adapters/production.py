"""The Production adapter, checked against the base model in use."""

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
    """Return the adapter to answer with (the candidate, or else Production), or None for the base model alone.

    Raise AdapterError if it is damaged, or for another base model or backend.
    """
    backend = open_backend(settings)
    if not backend.takes_adapters:
        return None
    if candidate:
        return backend.read_candidate(candidate)
    pointer = read_pointer(settings) if settings.llm_adapter == "production" else None
    return backend.find_adapter(pointer) if pointer else None


def open_production(settings: "Settings") -> tuple[int, Candidate] | None:
    """Return the Production version and its adapter, or None if the base model answers alone."""
    backend, pointer = open_backend(settings), read_pointer(settings)
    if pointer is None or not backend.takes_adapters:
        return None
    try:
        adapter = backend.find_adapter(pointer)
    except AdapterError:  # for another base model or backend: the service ignores it too
        return None
    own = settings.model_copy(update={"llm_model": adapter.model}) if adapter.model else settings
    return pointer.version, Candidate(own, Path(adapter.path) if adapter.path else None, pointer.digest)
