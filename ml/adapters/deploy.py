"""Deploy the Production adapter: convert it to the form that the service loads, and put it in force.

Replacing the pointer is the last step, so the previous adapter stays in force until then, and a deployment that was
killed can be repeated. The converted adapter is kept with the version's run too, so that services on other machines
need only HTTP to follow (ml.adapters.follow).
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
    """The version in force, and its path: a GGUF file, or a folder that vLLM loaded."""

    version: Version
    place: Path


def deploy(registry: Registry, settings: Settings, base: BaseModel) -> Deployed | None:
    """Deploy the Production version for the configured LLM, and return it, or None without an adapter or an LLM for it.

    If Production changes meanwhile, deploy the new version. Raise RegistryError if MLflow is unavailable, AdapterError or
    TrainingError if the adapter is for another base model or the LLM server rejects it; the previous one then stays.
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
