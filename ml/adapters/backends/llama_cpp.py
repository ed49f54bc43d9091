"""llama.cpp in this process: a GGUF base model, and adapters as GGUF files in the data folder. Needs no MLflow or torch."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from ml.adapters.backends.base import DEPLOY, Backend
from ml.adapters.candidate import Candidate, losses_of, peft_folder
from ml.adapters.convert import BASE_DIGEST, PROMPT, SYSTEM, write_gguf
from ml.adapters.pointer import Pointer, adapter_name, adapters_folder, parse_pointer, published_path
from ml.atomic import PART
from ml.errors import AdapterError, ModelError
from ml.llm.gguf import read_about, read_model
from ml.llm.model import Adapter, Llm, name_with
from ml.llm.models.folder import DEFAULT, ModelFolder
from ml.private import private_folder
from ml.training.base_model import BaseModel, file_digest, open_base_model
from ml.training.result import WEIGHTS, texts_of

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from ml.registry.versions import Registry, Version

CONTEXT = 4096
KEPT = 2  # the adapter in force, and the previous one, which running answers may still use


class LlamaCpp(Backend):
    """The setting llm="embedded"."""

    name: ClassVar[str] = "embedded"
    is_local: ClassVar[bool] = True

    @property
    def weights(self) -> str:
        """The base model's GGUF file, checked. Raise ModelError if it is missing, or not what the catalogue says."""
        return ModelFolder(self._settings).weights(self._settings.llm_model)

    @property
    def chosen(self) -> str:
        """The base model's name in the catalogue, or its GGUF file."""
        return self._settings.llm_model or DEFAULT

    def open(self, adapter: Adapter | None = None) -> Llm:
        """Return the LLM, with or without an adapter. Raise ModelError if its file can't be read."""
        file = read_model(self.weights)
        context = min(file.context or CONTEXT, CONTEXT)
        lora = adapter.path if adapter else ""
        models = ModelFolder(self._settings)
        default, trusted = self._settings.llm_timeout, self._settings.llm_trusted_parameters * 1e9

        def open_chat(timeout: float | None = None) -> "BaseChatModel":
            from ml.llm.embedded import EmbeddedChatModel

            return EmbeddedChatModel(
                path=file.path,
                context=context,
                adapter=lora,
                timeout=timeout or default,
                measured=lambda speed: models.keep_speed(file.path, speed),
            )

        def load() -> object:
            from ml.llm.runtime import runtime

            loaded = runtime(file.path, context, lora)
            if models.speed(file.path) is None:
                models.keep_speed(file.path, loaded.measure(default))
            return loaded

        return Llm(
            name=name_with(file.name, adapter),
            place=file.path,
            trusted=file.parameters >= trusted,
            cites=adapter is not None,
            context=context,
            open=open_chat,
            load=load,
            model=file.name,
            adapter=adapter,
            speed=lambda: models.speed(file.path),
        )

    def check_reachable(self, llm: Llm) -> None:
        """Do nothing: `open` has read the file."""

    def find_adapter(self, pointer: Pointer) -> Adapter:
        """Return the adapter that a pointer names. Raise AdapterError if it is damaged or for another base model."""
        label = f"adapter {pointer.version}"
        if not pointer.file or Path(pointer.file).name != pointer.file:
            raise AdapterError(f"{label} was deployed for an endpoint, not for llama.cpp", DEPLOY)
        path = adapters_folder(self._settings) / pointer.file
        adapter = self._read(path, label)
        if digest_of(path) != pointer.digest:
            raise AdapterError(f"{label} at {path} is damaged", DEPLOY)
        return adapter

    def read_candidate(self, file: Path) -> Adapter:
        """Return the adapter in a GGUF file that was not promoted. Raise AdapterError if it can't be used."""
        return self._read(file, "adapter candidate")

    @contextmanager
    def offer(self, path: Path) -> Iterator[Candidate]:
        """Yield the adapter at a path as a GGUF file, converting it if necessary."""
        if path.is_file():
            yield Candidate(self._settings, path, file_digest(path))
            return
        folder = peft_folder(path)
        with tempfile.TemporaryDirectory(prefix="codeintel-adapter-") as scratch:
            gguf = write_gguf(folder, open_base_model(self._settings.base_model), Path(scratch) / "adapter.gguf")
            yield Candidate(self._settings, gguf, file_digest(folder / WEIGHTS), losses_of(folder))

    def install(self, registry: "Registry", base: BaseModel, version: "Version") -> tuple[Pointer, Path]:
        """Put a version's GGUF file into the data folder; the first installation converts and publishes it."""
        folder = adapters_folder(self._settings)
        private_folder(folder)
        kept = registry.text(version, self.artifact)
        pointer = parse_pointer(kept, f"run {version.run_id}") if kept else None
        with tempfile.TemporaryDirectory(dir=folder, suffix=PART) as scratch:
            if pointer is None:
                pointer = self._publish(registry, base, version, Path(scratch))
            _check_base(pointer, base)
            target = folder / pointer.file
            if not (target.is_file() and file_digest(target) == pointer.digest):
                registry.get_file(version, published_path(pointer.file), Path(scratch)).replace(target)
        _sweep(folder, target)
        return pointer, target

    def _publish(self, registry: "Registry", base: BaseModel, version: "Version", scratch: Path) -> Pointer:
        """Convert an adapter and publish it with its run; the pointer comes last, so that it never names a missing file."""
        adapter = registry.download(version, scratch)
        file = write_gguf(
            adapter, base, scratch / f"{adapter_name(registry.name, version.number, version.run_id)}.gguf"
        )
        system, prompt = texts_of(adapter)
        pointer = Pointer(
            version=version.number,
            run_id=version.run_id,
            base_model=base.name,
            base_digest=base.digest,
            digest=file_digest(file),
            system=system,
            prompt=prompt,
            file=file.name,
        )
        registry.add_file(version, file, published_path("").rstrip("/"))
        registry.add_text(version, pointer.to_json(), self.artifact)
        return pointer

    def _read(self, path: Path, label: str) -> Adapter:
        base = Path(self.weights)
        try:
            about = read_about(str(path))
        except ModelError as error:
            raise AdapterError(f"{label}: {error.cause}", DEPLOY) from error
        if about.get("general.type") != "adapter" or not {BASE_DIGEST, PROMPT, SYSTEM} <= about.keys():
            raise AdapterError(f"{path} is not an adapter made by codeintel", DEPLOY)
        if about[BASE_DIGEST] != digest_of(base):
            raise AdapterError(f"{label} is for another base model than {base.name}", DEPLOY)
        return Adapter(label, str(about[SYSTEM]), str(about[PROMPT]), path=str(path.resolve()))


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, cached until it changes. Raise AdapterError if it can't be read."""
    try:
        about = path.stat()
        return _digest(path, about.st_size, about.st_mtime_ns)
    except OSError as error:
        raise AdapterError(f"{path} can't be read ({error.strerror})", "let the service read it") from error


@lru_cache(maxsize=8)
def _digest(path: Path, size: int, changed: int) -> str:
    return file_digest(path)


def _check_base(pointer: Pointer, base: BaseModel) -> None:
    if pointer.base_digest != base.digest:
        raise AdapterError(
            f"adapter {pointer.version} is for {pointer.base_model}, another base model than {base.name}",
            "train one on this model, or set base_model to that one",
        )


def _sweep(folder: Path, target: Path) -> None:
    """Remove all adapters but the one in force and the previous one."""
    others = sorted(folder.glob("*.gguf"), key=lambda file: file.stat().st_mtime)
    for file in [file for file in others if file != target][: -(KEPT - 1)]:
        file.unlink(missing_ok=True)
