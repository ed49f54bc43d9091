"""The models that this machine has or could have, and which of them answers: for `codeintel model list`, doctor and the page."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml.adapters.backends import open_backend, open_llm
from ml.adapters.backends.llama_cpp import LlamaCpp
from ml.errors import ModelError
from ml.llm.gguf import read_about, read_model
from ml.llm.model import Speed
from ml.llm.models.catalogue import Model
from ml.llm.models.folder import DEFAULT, ModelFolder
from ml.llm.models.memory import memory_here, memory_needed
from ml.llm.models.pull import remove

if TYPE_CHECKING:
    from ml.settings import Settings

ENDPOINT = "endpoint"
FILE = "file"


@dataclass(frozen=True, slots=True)
class ModelState:
    """A model and its state on this machine; what is not known is None (0 for an endpoint's sizes).

    `name` is that of `codeintel model use`; `memory` and `size` are in bytes, `pulled` are those here; `fits` whether the memory
    suffices; `writes` whether it writes the answers, or only adds sentences.
    """

    name: str
    title: str
    licence: str
    context: int
    size: int
    memory: int
    origins: tuple[str, ...]
    sha256: str
    pulled: int
    is_here: bool
    in_use: bool
    fits: bool
    writes: bool
    speed: Speed | None


def list_models(settings: "Settings") -> list[ModelState]:
    """Return the catalogue's models, and the one in use if it is another. Raise ModelError if that is an unreadable file."""
    folder, backend = ModelFolder(settings), open_backend(settings)
    chosen = backend.chosen
    trusted = settings.llm_trusted_parameters * 1e9
    local = chosen if backend.is_local else ""
    listed = [_known(model, folder, in_use=model.name == local, trusted=trusted) for model in folder.catalogue.values()]
    if chosen and local not in folder.catalogue:
        listed.append(_own_file(chosen, folder, trusted) if local else _endpoint(chosen))
    return listed


def model_in_use(settings: "Settings") -> ModelState | None:
    """Return the model that answers, None if there is none. Raise what `list_models` raises."""
    return next((state for state in list_models(settings) if state.in_use), None)


def try_model(settings: "Settings", chosen: str) -> Speed | None:
    """Load a model, a value for `llm_model`, and measure its speed anew. Raise ModelError if it can't answer here."""
    llm = open_llm(settings.model_copy(update={"llm": LlamaCpp.name, "llm_model": chosen}))
    if llm is None:
        return None
    ModelFolder(settings).keep_speed(llm.place, None)
    llm.load()
    return llm.speed()


def remove_model(settings: "Settings", name: str) -> int:
    """Remove a pulled model that does not answer, and return the bytes freed. Raise ModelError."""
    folder, backend = ModelFolder(settings), open_backend(settings)
    if backend.is_local and backend.chosen == name:
        raise ModelError(f"{name} is in use", f"choose another one first: codeintel model use {DEFAULT}")
    return remove(folder.model(name), folder)


def _known(model: Model, folder: ModelFolder, *, in_use: bool, trusted: float) -> ModelState:
    found, part = folder.find(model), folder.part(model)
    pulled = found or part
    return ModelState(
        name=model.name,
        title=model.title,
        licence=model.licence,
        context=model.context,
        size=model.size,
        memory=memory_needed(model.size),
        origins=model.origins,
        sha256=model.sha256,
        pulled=pulled.stat().st_size if pulled.is_file() else 0,
        is_here=found is not None,
        in_use=in_use,
        fits=memory_needed(model.size) <= memory_here(),
        writes=model.parameters * 1e6 >= trusted,
        speed=folder.speed(str(found)) if found else None,
    )


def _own_file(chosen: str, folder: ModelFolder, trusted: float) -> ModelState:
    """Describe a GGUF file that is not in the catalogue, by its header."""
    file, size = read_model(chosen), Path(chosen).stat().st_size
    return ModelState(
        name=chosen,
        title=file.name,
        licence=str(read_about(chosen).get("general.license") or ""),
        context=file.context,
        size=size,
        memory=memory_needed(size),
        origins=(FILE,),
        sha256="",
        pulled=size,
        is_here=True,
        in_use=True,
        fits=memory_needed(size) <= memory_here(),
        writes=file.parameters >= trusted,
        speed=folder.speed(chosen),
    )


def _endpoint(chosen: str) -> ModelState:
    return ModelState(
        name=chosen,
        title=chosen,
        licence="",
        context=0,
        size=0,
        memory=0,
        origins=(ENDPOINT,),
        sha256="",
        pulled=0,
        is_here=True,
        in_use=True,
        fits=True,
        writes=True,
        speed=None,
    )
