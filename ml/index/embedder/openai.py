"""Embeddings from an OpenAI-compatible endpoint (vLLM, Text Embeddings Inference, Ollama, …)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
import openai

from ml.errors import EmbedderError
from ml.index.embedder.base import Vectors, unit

if TYPE_CHECKING:
    from ml.settings import Settings

BATCH = 64
RETRIES = 3
CONNECT_SECONDS = 5.0
NO_KEY = "none"  # the client always sends a key; an endpoint that needs none ignores it


class EndpointEmbedder:
    """A model behind an OpenAI-compatible API. Opening it embeds one word to find the dimension."""

    def __init__(self, client: openai.OpenAI, model: str, query_prefix: str = "") -> None:
        self._client = client
        self._model = model
        self._query_prefix = query_prefix
        self._dimension = int(self._call(["dimension"]).shape[1])

    @property
    def name(self) -> str:
        """The model's name on the endpoint."""
        return self._model

    @property
    def dimension(self) -> int:
        """The length of each vector."""
        return self._dimension

    def documents(self, texts: Sequence[str]) -> Vectors:
        """Embed chunks: float32, shape (len(texts), dimension), rows of length 1. Raise EmbedderError."""
        found = np.empty((len(texts), self._dimension), np.float32)
        for start in range(0, len(texts), BATCH):
            vectors = self._call(texts[start : start + BATCH])
            if vectors.shape[1] != self._dimension:
                raise EmbedderError(
                    f"the embeddings endpoint returned vectors of dimension {vectors.shape[1]} instead of {self._dimension}",
                    "make sure that only one model is served at embedder_url",
                )
            found[start : start + BATCH] = vectors
        return found

    def query(self, text: str) -> Vectors:
        """Embed a question with the query prefix: float32, shape (dimension,). Raise EmbedderError."""
        if not text.strip():
            return np.zeros(self._dimension, np.float32)
        vector: Vectors = self.documents([self._query_prefix + text])[0]
        return vector

    def _call(self, texts: Sequence[str]) -> Vectors:
        with _translate_errors():
            reply = self._client.embeddings.create(model=self._model, input=list(texts), encoding_format="float")
            vectors: Vectors = np.array(
                [entry.embedding for entry in sorted(reply.data, key=lambda entry: entry.index)], np.float32
            )
        if vectors.ndim != 2 or len(vectors) != len(texts) or not vectors.size or not np.isfinite(vectors).all():
            raise EmbedderError(
                f"the embeddings endpoint returned unusable vectors (shape {vectors.shape} for {len(texts)} texts)",
                "check that embedder_model is an embedding model, and see the endpoint's log",
            )
        return unit(vectors)


def open_endpoint(settings: "Settings") -> EndpointEmbedder:
    """Open the configured endpoint. Raise EmbedderError if it is unavailable or returns an invalid reply."""
    key = settings.embedder_api_key.get_secret_value() if settings.embedder_api_key else NO_KEY
    timeout = openai.Timeout(settings.embedder_timeout, connect=min(settings.embedder_timeout, CONNECT_SECONDS))
    client = openai.OpenAI(base_url=settings.embedder_url, api_key=key, timeout=timeout, max_retries=RETRIES)
    return EndpointEmbedder(client, settings.embedder_model or "", settings.embedder_query_prefix)


@contextmanager
def _translate_errors() -> Iterator[None]:
    """Translate the client's errors and malformed replies into EmbedderError with a cause and a cure."""
    try:
        yield
    except openai.OpenAIError as error:
        raise _embedder_error(error) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise EmbedderError(
            "the embeddings endpoint's reply does not follow the OpenAI API", "check that embedder_url ends in /v1"
        ) from error


def _embedder_error(error: openai.OpenAIError) -> EmbedderError:
    match error:
        case openai.APITimeoutError():
            return EmbedderError("the embeddings endpoint did not answer in time", "increase embedder_timeout")
        case openai.APIConnectionError():
            reason = error.__cause__ or error
            return EmbedderError(f"no connection to the embeddings endpoint ({reason})", "check embedder_url")
        case openai.AuthenticationError() | openai.PermissionDeniedError():
            return EmbedderError("the embeddings endpoint rejects the key", "set embedder_api_key")
        case openai.NotFoundError():
            return EmbedderError(
                "the embeddings endpoint does not have this model",
                "check embedder_model and that embedder_url ends in /v1",
            )
        case _:
            said = " ".join(str(error).split())[:200]
            return EmbedderError(f"the embeddings endpoint reports: {said}", "see the endpoint's log")
