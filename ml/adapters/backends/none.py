"""No LLM: answers are composed from the code alone."""

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, NoReturn

from ml.adapters.backends.base import Backend
from ml.adapters.pointer import Pointer
from ml.errors import AdapterError, EvaluationError

if TYPE_CHECKING:
    from ml.llm.model import Adapter, Llm
    from ml.registry.versions import Registry, Version
    from ml.training.base_model import BaseModel

NEEDS_LLM = ("an adapter needs an LLM, and none is set", "set llm")


class NoLlm(Backend):
    """The setting llm="none": there is no model, and no adapter."""

    name: ClassVar[str] = "none"
    takes_adapters: ClassVar[bool] = False

    @property
    def chosen(self) -> str:
        """No model: ""."""
        return ""

    def open(self, adapter: "Adapter | None" = None) -> None:
        """Return None: there is no LLM."""

    def check_reachable(self, llm: "Llm") -> None:
        """Do nothing: there is nothing to reach."""

    def find_adapter(self, pointer: Pointer) -> NoReturn:
        """Raise AdapterError."""
        raise AdapterError(*NEEDS_LLM)

    def read_candidate(self, file: Path) -> NoReturn:
        """Raise AdapterError."""
        raise AdapterError(*NEEDS_LLM)

    def offer(self, path: Path) -> NoReturn:
        """Raise EvaluationError."""
        raise EvaluationError(*NEEDS_LLM)

    def install(self, registry: "Registry", base: "BaseModel", version: "Version") -> NoReturn:
        """Raise AdapterError."""
        raise AdapterError(*NEEDS_LLM)
