"""An OpenAI-compatible endpoint. Adapters need vLLM, which serves each under its own name."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ml.adapters.backends.base import DEPLOY, Backend
from ml.adapters.candidate import Candidate, losses_of, peft_folder
from ml.adapters.pointer import Pointer, adapter_name
from ml.adapters.vllm import candidate_name, offer_adapter
from ml.errors import AdapterError, ModelError
from ml.llm.model import ENDPOINT_CONTEXT, Adapter, Llm, name_with
from ml.training.base_model import BaseModel, file_digest
from ml.training.result import WEIGHTS, base_digest_of, texts_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ml.registry.versions import Registry, Version


class Endpoint(Backend):
    """The setting llm="openai"."""

    name: ClassVar[str] = "openai"

    @property
    def chosen(self) -> str:
        """The base model's name at the endpoint."""
        return self._settings.llm_model or ""

    def open(self, adapter: Adapter | None = None) -> Llm:
        """Return the LLM, with or without an adapter, without contacting the endpoint."""
        settings, url = self._settings, self._settings.llm_url or ""
        model = adapter.model if adapter else self.chosen

        @cache  # creating the TLS context takes longer than an answer
        def open_chat(timeout: float | None = None) -> "BaseChatModel":
            from ml.llm.endpoint import EndpointChatModel

            wait, rest = timeout or settings.llm_timeout, settings.llm_rest
            return EndpointChatModel.at(url, model, self._key(), wait, settings.llm_retries, rest)

        return Llm(
            name=name_with(self.chosen, adapter),
            place=url,
            trusted=True,
            cites=True,
            context=ENDPOINT_CONTEXT,
            open=open_chat,
            load=lambda: open_chat(None),
            model=model,
            adapter=adapter,
        )

    def check_reachable(self, llm: Llm) -> None:
        """Raise ModelError if the endpoint does not answer or does not list the model."""
        from openai import OpenAI

        from ml.llm.endpoint import CONNECT_SECONDS, NO_KEY
        from ml.llm.errors import translated

        key = self._key() or NO_KEY
        with translated(), OpenAI(base_url=llm.place, api_key=key, timeout=CONNECT_SECONDS, max_retries=0) as client:
            models = [model.id for model in client.models.list()]
        if llm.model not in models:
            cure = "deploy the adapter again with `codeintel promote`" if llm.adapter else "fix llm_model"
            served = ", ".join(models) or "no model"
            raise ModelError(f"the endpoint at {llm.place} serves {served}, not {llm.model}", cure)

    def find_adapter(self, pointer: Pointer) -> Adapter:
        """Return the adapter that a pointer names. Raise AdapterError if it is for another base model."""
        label = f"adapter {pointer.version}"
        if not pointer.model:
            raise AdapterError(f"{label} was deployed for llama.cpp, not for an endpoint", DEPLOY)
        if pointer.base_model != self.chosen:
            raise AdapterError(f"{label} is for another base model: {pointer.base_model}, not {self.chosen}", DEPLOY)
        return Adapter(label, pointer.system, pointer.prompt, model=pointer.model)

    def read_candidate(self, file: Path) -> Adapter:
        """Raise AdapterError: endpoints do not take GGUF files."""
        raise AdapterError(f"the adapter {file} is for llama.cpp", "set llm to embedded to measure it")

    @contextmanager
    def offer(self, path: Path) -> Iterator[Candidate]:
        """Load the adapter at a path into vLLM, under a name derived from its weights, and yield it."""
        folder = peft_folder(path)
        digest = file_digest(folder / WEIGHTS)
        name = candidate_name(digest)
        offer_adapter(self._settings, folder, name)
        yield Candidate(self._settings.model_copy(update={"llm_model": name}), None, digest, losses_of(folder))

    def install(self, registry: "Registry", base: BaseModel, version: "Version") -> tuple[Pointer, Path]:
        """Load a version's adapter into vLLM under the version's name."""
        with tempfile.TemporaryDirectory() as scratch:
            adapter = registry.download(version, Path(scratch))
            if base_digest_of(adapter) != base.digest:
                raise AdapterError(
                    f"adapter {version.number} is for another base model than {base.name}", "train it on this one"
                )
            system, prompt = texts_of(adapter)
            pointer = Pointer(
                version=version.number,
                run_id=version.run_id,
                base_model=self.chosen,
                base_digest=base.digest,
                digest=file_digest(adapter / WEIGHTS),
                system=system,
                prompt=prompt,
                model=adapter_name(registry.name, version.number, version.run_id),
            )
            place = offer_adapter(self._settings, adapter, pointer.model)
        registry.add_text(version, pointer.to_json(), self.artifact)
        return pointer, place

    def _key(self) -> str | None:
        return self._settings.llm_api_key.get_secret_value() if self._settings.llm_api_key else None
