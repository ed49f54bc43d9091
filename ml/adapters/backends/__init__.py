"""One class per LLM backend. Nothing outside this package branches on the setting `llm`."""

from typing import TYPE_CHECKING

from ml.adapters.backends.base import Backend
from ml.adapters.backends.endpoint import Endpoint
from ml.adapters.backends.llama_cpp import LlamaCpp
from ml.adapters.backends.none import NoLlm

if TYPE_CHECKING:
    from ml.llm.model import Llm
    from ml.settings import Settings

BACKENDS: dict[str, type[Backend]] = {backend.name: backend for backend in (LlamaCpp, Endpoint, NoLlm)}

__all__ = ["BACKENDS", "Backend", "open_backend", "open_llm"]


def open_backend(settings: "Settings") -> Backend:
    """Return the backend of the LLM that the settings name."""
    return BACKENDS[settings.llm](settings)


def open_llm(settings: "Settings") -> "Llm | None":
    """Return the base model that the settings name, or None for llm="none". Raise ModelError if its file can't be read.

    For the model with the adapter in force, see `ml.adapters.in_force`.
    """
    return open_backend(settings).open()
