"""The interface of an LLM backend. To add one: subclass it, allow its name in the setting `llm`, and list it in BACKENDS."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ml.adapters.pointer import Pointer, published_path

if TYPE_CHECKING:
    from ml.adapters.candidate import Candidate
    from ml.llm.model import Adapter, Llm
    from ml.registry.versions import Registry, Version
    from ml.settings import Settings
    from ml.training.base_model import BaseModel

DEPLOY = "deploy the right one with `codeintel promote`; until then only the base model answers"


class Backend(ABC):
    """An LLM backend: open the chat model; validate, offer and install adapters.

    `name` is the value of the setting `llm` that selects it; `is_local` whether its model is a file on this machine.
    """

    name: ClassVar[str]
    is_local: ClassVar[bool] = False
    takes_adapters: ClassVar[bool] = True

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings

    @property
    def artifact(self) -> str:
        """Artifact path of the pointer that `install` publishes for this backend."""
        return published_path(f"{self.name}.json")

    @property
    @abstractmethod
    def chosen(self) -> str:
        """The model that the settings choose: its name in the catalogue, its file, its name at an endpoint; "" for none."""

    @abstractmethod
    def open(self, adapter: "Adapter | None" = None) -> "Llm | None":
        """Return the LLM, with or without an adapter. Raise ModelError if its file can't be read."""

    @abstractmethod
    def check_reachable(self, llm: "Llm") -> None:
        """Raise ModelError if an open LLM is unreachable."""

    @abstractmethod
    def find_adapter(self, pointer: Pointer) -> "Adapter":
        """Return the adapter that a pointer names. Raise AdapterError if it is damaged or for another base model."""

    @abstractmethod
    def read_candidate(self, file: Path) -> "Adapter":
        """Return the adapter in a GGUF file that was not promoted. Raise AdapterError if it can't be used."""

    @abstractmethod
    def offer(self, path: Path) -> AbstractContextManager["Candidate"]:
        """Prepare an adapter for evaluation: a PEFT folder, a training run's output or a GGUF file.

        Raise EvaluationError if there is no adapter or no LLM, TrainingError if it is for another base model, and
        AdapterError if the LLM server rejects it.
        """

    @abstractmethod
    def install(self, registry: "Registry", base: "BaseModel", version: "Version") -> tuple[Pointer, Path]:
        """Install a version in the LLM, publish its pointer with the run, and return the pointer and the adapter's path.

        Raise AdapterError or TrainingError if the adapter is for another base model, or the LLM server rejects it.
        """
