"""An LLM and an adapter as their callers see them. Heavy imports wait until the model is used."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import BaseChatModel

ENDPOINT_CONTEXT = 8192


@dataclass(frozen=True, slots=True)
class Adapter:
    """An adapter: its `label` for people, its GGUF file (`path`) or its name at the endpoint (`model`).

    `system` and `prompt` are the texts of its training, and so of its use; `prompt` contains {context} and {question}.
    """

    label: str
    system: str
    prompt: str
    path: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Speed:
    """How many tokens a second an LLM reads of a prompt, and writes."""

    reading: float
    writing: float


@dataclass(frozen=True, slots=True)
class Llm:
    """An LLM: a `trusted` one writes, others only add a sentence; `context` is in tokens.

    One that `cites` is told to cite what it says, and its answer stands alone; to the sentences of others, which explain the
    composed answer, citations are attached.

    `name` is for people; `model` is its name at `place`, an endpoint or a file. With an `adapter` it is prompted as in the
    adapter's training. `notice` says why an adapter that should be in force is not.
    `open` takes the seconds to wait for the next part, by default those of the settings, and returns a LangChain chat
    model; `load` loads one that runs in this process, and measures its speed if that is not known. Both raise ModelError.
    `speed` returns the speed measured on this machine, None if it is not known.
    """

    name: str
    place: str
    trusted: bool
    cites: bool
    context: int
    open: "Callable[[float | None], BaseChatModel]"
    load: "Callable[[], object]"
    model: str = ""
    adapter: Adapter | None = None
    notice: str = ""
    speed: "Callable[[], Speed | None]" = lambda: None


def name_with(base: str, adapter: Adapter | None) -> str:
    """Return the display name of a base model with or without an adapter."""
    return f"{base} ({adapter.label})" if adapter else base
