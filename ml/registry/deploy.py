"""Brings the adapter that is Production into the form that the service loads, and puts it in force.

Each step leaves what was in force before until the pointer is replaced, which is the last one; done again after a kill at
any point it ends as it would have. What is made is kept with the version's run too, so that services elsewhere need
nothing but HTTP to follow (rag_service.llm.follow).
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from ml.errors import AdapterError
from ml.private import private_folder
from ml.registry.pointer import (
    PART,
    Pointer,
    adapter_name,
    adapters_folder,
    parse_pointer,
    published,
    read_pointer,
    write_pointer,
)
from ml.registry.versions import Registry, Version
from ml.settings import Settings
from ml.training.base_model import BaseModel, file_digest
from ml.training.gguf_adapter import write_gguf
from ml.training.result import WEIGHTS, base_digest_of, texts_of

KEPT = 2  # the one in force, and the one before, which answers may still be written with


@dataclass(frozen=True, slots=True)
class Deployed:
    """What is in force: the version, and where it lies (a GGUF file, or a folder that vLLM loaded)."""

    version: Version
    place: Path


def deploy(registry: Registry, settings: Settings, base: BaseModel) -> Deployed | None:
    """Puts what is Production in force for the LLM of the settings, and gives it; None: no adapter, or no LLM for one.

    Where Production changes meanwhile it goes on with that one. Raises RegistryError where MLflow is away, AdapterError or
    TrainingError for an adapter of another base model, or that the LLM's server refuses; what was in force then stays.
    """
    if settings.llm == "none":
        return None
    registry.settle()
    while True:
        version = registry.production()
        deployed = _put_in_force(registry, settings, base, version)
        if registry.production() == version:
            return deployed


def _put_in_force(registry: Registry, settings: Settings, base: BaseModel, version: Version | None) -> Deployed | None:
    if version is None:
        write_pointer(settings, None)
        return None
    bring = _for_llama_cpp if settings.llm == "embedded" else _for_vllm
    pointer, place = bring(registry, settings, base, version)
    if _present(settings) != pointer:
        write_pointer(settings, pointer)
    return Deployed(version, place)


def _present(settings: Settings) -> Pointer | None:
    try:
        return read_pointer(settings)
    except AdapterError:
        return None


def _for_llama_cpp(registry: Registry, settings: Settings, base: BaseModel, version: Version) -> tuple[Pointer, Path]:
    folder = adapters_folder(settings)
    private_folder(folder)
    kept = registry.text(version, published("embedded.json"))
    pointer = parse_pointer(kept, f"run {version.run_id}") if kept else None
    with tempfile.TemporaryDirectory(dir=folder, suffix=PART) as scratch:
        if pointer is None:
            pointer = _publish_gguf(registry, base, version, Path(scratch))
        _check_base(pointer, base)
        target = folder / pointer.file
        if not (target.is_file() and file_digest(target) == pointer.digest):
            registry.get_file(version, published(pointer.file), Path(scratch)).replace(target)
    _sweep(folder, target)
    return pointer, target


def _publish_gguf(registry: Registry, base: BaseModel, version: Version, scratch: Path) -> Pointer:
    """Converts an adapter and puts it with its run, the pointer last: who finds that finds the file too."""
    adapter = registry.download(version, scratch)
    file = write_gguf(adapter, base, scratch / f"{adapter_name(registry.name, version.number, version.run_id)}.gguf")
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
    registry.add_file(version, file, published("").rstrip("/"))
    registry.add_text(version, pointer.to_json(), published("embedded.json"))
    return pointer


def _for_vllm(registry: Registry, settings: Settings, base: BaseModel, version: Version) -> tuple[Pointer, Path]:
    from ml.registry.vllm import offer_adapter

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
            base_model=settings.llm_model or "",
            base_digest=base.digest,
            digest=file_digest(adapter / WEIGHTS),
            system=system,
            prompt=prompt,
            model=adapter_name(registry.name, version.number, version.run_id),
        )
        place = offer_adapter(settings, adapter, pointer.model)
    registry.add_text(version, pointer.to_json(), published("openai.json"))
    return pointer, place


def _check_base(pointer: Pointer, base: BaseModel) -> None:
    if pointer.base_digest != base.digest:
        raise AdapterError(
            f"adapter {pointer.version} is for {pointer.base_model}, another base model than {base.name}",
            "train one on this model, or set base_model to that one",
        )


def _sweep(folder: Path, target: Path) -> None:
    """Removes adapters that neither are in force nor were before."""
    others = sorted(folder.glob("*.gguf"), key=lambda file: file.stat().st_mtime)
    for file in [file for file in others if file != target][: -(KEPT - 1)]:
        file.unlink(missing_ok=True)
