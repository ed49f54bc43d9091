"""An LLM and an adapter as the code that asks sees them. Nothing heavy is imported before it has to write."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import BaseChatModel

ENDPOINT_CONTEXT = 8192


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


@dataclass(frozen=True, slots=True)
class Llm:
    """An LLM: `trusted` ones write the answer, others only add sentences; `context` is in tokens.

    `name` is for people; `model` is what it is called at `place`, an endpoint or a file. With an `adapter` it is asked as
    that was trained. `notice` says why an adapter that should be in force is not.
    `open` returns the LangChain chat model that waits so many seconds for its next part, by default as long as the
    settings say; it raises ModelError, and so does the model itself.
    """

    name: str
    place: str
    trusted: bool
    context: int
    open: "Callable[[float | None], BaseChatModel]"
    load: "Callable[[], object]"
    model: str = ""
    adapter: Adapter | None = None
    notice: str = ""


def name_with(base: str, adapter: Adapter | None) -> str:
    """Return the name of a base model with an adapter on it, for people."""
    return f"{base} ({adapter.label})" if adapter else base
