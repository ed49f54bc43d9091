"""What an LLM backend is asked for. A new one: a class like these, its name in the settings' `llm`, a line in BACKENDS."""

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ml.adapters.pointer import Pointer, published

if TYPE_CHECKING:
    from ml.adapters.candidate import Candidate
    from ml.llm.model import Adapter, Llm
    from ml.registry.versions import Registry, Version
    from ml.settings import Settings
    from ml.training.base_model import BaseModel

DEPLOY = "deploy the right one with `codeintel promote`; until then the base model answers alone"


class Backend(ABC):
    """An LLM backend: opens the chat, checks an adapter against the base model, offers one for a test, installs one.

    `name` is its value of the setting `llm`.
    """

    name: ClassVar[str]
    takes_adapters: ClassVar[bool] = True

    def __init__(self, settings: "Settings") -> None:
        self._settings = settings

    @property
    def artifact(self) -> str:
        """The path, among a run's artifacts, of the pointer that `install` publishes for this kind of LLM."""
        return published(f"{self.name}.json")

    @abstractmethod
    def open(self, adapter: "Adapter | None" = None) -> "Llm | None":
        """Return the LLM with an adapter or without. Raise ModelError where its file can't be read."""

    @abstractmethod
    def check_reachable(self, llm: "Llm") -> None:
        """Raise ModelError where an open LLM is not there to be asked."""

    @abstractmethod
    def find_adapter(self, pointer: Pointer) -> "Adapter":
        """Return the adapter that a pointer names. Raise AdapterError for one damaged or of another base model."""

    @abstractmethod
    def read_candidate(self, file: Path) -> "Adapter":
        """Return the adapter in a GGUF file that nobody promoted. Raise AdapterError where it can't be used."""

    @abstractmethod
    def offer(self, path: Path) -> AbstractContextManager["Candidate"]:
        """Make the adapter at a path ready to be asked: peft's folder, a training run's output, or its GGUF file.

        Raise EvaluationError where there is none, or no LLM for it, TrainingError where it is for another base model,
        AdapterError where the LLM's server refuses it.
        """

    @abstractmethod
    def install(self, registry: "Registry", base: "BaseModel", version: "Version") -> tuple[Pointer, Path]:
        """Bring a version to the LLM, publish its pointer with the run, and return that and where the adapter lies.

        Raise AdapterError or TrainingError for an adapter of another base model, or that the LLM's server refuses.
        """
