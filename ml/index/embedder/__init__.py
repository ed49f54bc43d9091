"""Embedders: turn texts into vectors. `open_embedder` opens the configured one."""

from typing import TYPE_CHECKING

from ml.index.embedder.base import Embedder, Vectors

if TYPE_CHECKING:
    from ml.settings import Settings

__all__ = ["Embedder", "Vectors", "open_embedder"]


def open_embedder(settings: "Settings") -> Embedder:
    """Open the configured embedder: the built-in vectors, a sentence-transformers model, or an endpoint.

    Raise EmbedderError if the model can't be loaded, or the endpoint is unavailable or returns an invalid reply.
    """
    match settings.embedder:
        case "static":
            from ml.index.embedder.static import load_static

            return load_static()
        case "sentence-transformers":
            from ml.index.embedder.sentence_transformers import open_model

            return open_model(settings)
        case "openai":
            from ml.index.embedder.openai import open_endpoint

            return open_endpoint(settings)
