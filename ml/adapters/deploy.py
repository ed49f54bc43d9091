"""Bring the adapter that is Production into the form that the service loads, and put it in force.

Each step leaves what was in force before until the pointer is replaced, which is the last one; repeated after a kill at
any point it ends as it would have. What is made is kept with the version's run too, so that services elsewhere need
nothing but HTTP to follow (ml.adapters.follow).
"""

from dataclasses import dataclass
from pathlib import Path

from ml.adapters.backends import Backend, open_backend
from ml.adapters.pointer import Pointer, read_pointer, write_pointer
from ml.errors import AdapterError
from ml.registry.versions import Registry, Version
from ml.settings import Settings
from ml.training.base_model import BaseModel


@dataclass(frozen=True, slots=True)
class Deployed:
    """What is in force: the version, and where it lies (a GGUF file, or a folder that vLLM loaded)."""

    version: Version
    place: Path


def deploy(registry: Registry, settings: Settings, base: BaseModel) -> Deployed | None:
    """Put what is Production in force for the LLM of the settings, and return it; None: no adapter, or no LLM for one.

    Where Production changes meanwhile it goes on with that one. Raise RegistryError where MLflow is away, AdapterError or
    TrainingError for an adapter of another base model, or that the LLM's server refuses; what was in force then stays.
    """
    backend = open_backend(settings)
    if not backend.takes_adapters:
        return None
    registry.settle()
    while True:
        version = registry.production()
        deployed = _put_in_force(backend, registry, settings, base, version)
        if registry.production() == version:
            return deployed


def _put_in_force(
    backend: Backend, registry: Registry, settings: Settings, base: BaseModel, version: Version | None
) -> Deployed | None:
    if version is None:
        write_pointer(settings, None)
        return None
    pointer, place = backend.install(registry, base, version)
    if _present(settings) != pointer:
        write_pointer(settings, pointer)
    return Deployed(version, place)


def _present(settings: Settings) -> Pointer | None:
    try:
        return read_pointer(settings)
    except AdapterError:
        return None
