"""Embedders: texts into vectors. `open_embedder` gives the one that the settings name."""

from typing import TYPE_CHECKING

from ml.index.embedder.base import Embedder, Vectors

if TYPE_CHECKING:
    from ml.settings import Settings

__all__ = ["Embedder", "Vectors", "open_embedder"]


def open_embedder(settings: "Settings") -> Embedder:
    """Opens the embedder that the settings name: the static vectors of the package, or an OpenAI-compatible endpoint.

    Raises EmbedderError where the endpoint is away or answers nonsense.
    """
    if settings.embedder == "static":
        from ml.index.embedder.static import load_static

        return load_static()
    from ml.index.embedder.openai import open_endpoint

    return open_endpoint(settings)
