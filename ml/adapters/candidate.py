"""The adapter that is to be measured, in whatever form it lies on the disk, and the one that is in force."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ml.errors import AdapterError, EvaluationError
from ml.evaluation.page import Losses
from ml.training.result import CONFIG, WEIGHTS

if TYPE_CHECKING:
    from ml.settings import Settings


@dataclass(frozen=True, slots=True)
class Candidate:
    """An adapter that can be asked: by these settings, for llama.cpp with this GGUF file.

    `digest` is the SHA-256 of its weights, `losses` how its training went.
    """

    settings: "Settings"
    gguf: Path | None
    digest: str
    losses: Losses | None = None


def trained_last(runs: Path) -> Path | None:
    """Gives the folder of the training run that finished last, None where there is none."""
    finished = sorted(runs.rglob("result.json"), key=lambda file: file.stat().st_mtime)
    return finished[-1].parent if finished else None


@contextmanager
def open_candidate(path: Path, settings: "Settings") -> Iterator[Candidate]:
    """Gives the adapter at a path: peft's folder, a training run's output, or for llama.cpp a GGUF file.

    vLLM is told to load it, under a name of its own. Raises EvaluationError where there is none, or no LLM for it,
    TrainingError where it is for another base model, AdapterError where vLLM refuses it.
    """
    from ml.training.base_model import file_digest

    if settings.llm == "none":
        raise EvaluationError("an adapter needs an LLM, and none is set", "set llm")
    if path.is_file() and settings.llm == "embedded":
        yield Candidate(settings, path, file_digest(path))
        return
    folder = next((one for one in (path, path / "adapter") if (one / CONFIG).is_file()), None)
    if folder is None:
        raise EvaluationError(f"{path} is no adapter", "name a GGUF file or the folder that `codeintel train` left")
    digest = file_digest(folder / WEIGHTS)
    if settings.llm == "openai":
        yield Candidate(_at_endpoint(folder, digest, settings), None, digest, _losses(folder))
        return
    with tempfile.TemporaryDirectory(prefix="codeintel-adapter-") as scratch:
        yield Candidate(settings, _as_gguf(folder, settings, Path(scratch)), digest, _losses(folder))


def in_force(settings: "Settings") -> tuple[int, Candidate] | None:
    """Gives the version that is Production and its adapter, None where none can be asked: the base model answers then."""
    from ml.adapters.adapter import production_adapter
    from ml.adapters.pointer import adapters_folder, read_pointer
    from ml.llm.provider import base_model

    pointer, base = read_pointer(settings), base_model(settings)
    if pointer is None or base is None:
        return None
    try:
        production_adapter(settings, base)
    except AdapterError:  # one for another base model, or for another kind of LLM: the service leaves it aside too
        return None
    if pointer.model:
        return pointer.version, Candidate(
            settings.model_copy(update={"llm_model": pointer.model}), None, pointer.digest
        )
    return pointer.version, Candidate(settings, adapters_folder(settings) / pointer.file, pointer.digest)


def _as_gguf(folder: Path, settings: "Settings", scratch: Path) -> Path:
    from ml.adapters.convert import write_gguf
    from ml.training.base_model import open_base_model

    return write_gguf(folder, open_base_model(settings.base_model), scratch / "adapter.gguf")


def _at_endpoint(folder: Path, digest: str, settings: "Settings") -> "Settings":
    from ml.adapters.vllm import candidate_name, offer_adapter

    name = candidate_name(digest)
    offer_adapter(settings, folder, name)
    return settings.model_copy(update={"llm_model": name})


def _losses(folder: Path) -> Losses | None:
    from ml.training.result import read_result

    result = read_result(folder.parent)
    return Losses(result.losses, result.held_out_loss_before, result.held_out_loss_after) if result else None
