"""sentence-transformers models: with the model's own prompts, normalised, in half precision on a GPU.

A model is downloaded from the hub once and then cached; HF_HUB_OFFLINE=1 prevents further requests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ml.errors import EmbedderError
from ml.index.embedder.base import Vectors, unit

if TYPE_CHECKING:
    from ml.settings import Settings

DEFAULT = "NovaSearch/stella_en_1.5B_v5"
WEB_SEARCH = "Instruct: Given a web search query, retrieve relevant passages that answer the query"
BATCH_GPU, BATCH_CPU = 32, 8
MAX_TOKENS = 512  # per chunk, longer ones are truncated: the length the models were trained with, or enough


@dataclass(frozen=True, slots=True)
class Known:
    """A model's query prompt, from its model card; `runs_own_code`: its repository contains Python code to run.

    `memory` is the size of its weights in half precision, in GiB.
    """

    query_prompt: str
    licence: str
    memory: float
    runs_own_code: bool = False


KNOWN = {
    DEFAULT: Known(f"{WEB_SEARCH}.\nQuery: ", "MIT", 3.0, runs_own_code=True),
    "Salesforce/SFR-Embedding-2_R": Known(f"{WEB_SEARCH}\nQuery: ", "CC-BY-NC-4.0: research only", 14.0),
}


class SentenceTransformersEmbedder:
    """A model given by its name on the hub or by a folder."""

    def __init__(self, settings: "Settings") -> None:
        self.model = settings.embedder_model or DEFAULT
        known = KNOWN.get(self.model)
        self._prompt = settings.embedder_query_prefix or (known.query_prompt if known else "")
        self._trusted = settings.embedder_trust_remote_code
        if known and known.runs_own_code and not self._trusted:
            raise EmbedderError(
                f"{self.model} contains Python code, which would run on this machine",
                "review it on the hub and set embedder_trust_remote_code=true, or choose another embedder_model",
            )

    @property
    def name(self) -> str:
        """The model's name, which is part of the collection's name."""
        return self.model

    @cached_property
    def dimension(self) -> int:
        """The length of each vector."""
        return int(self._loaded.get_embedding_dimension())

    def documents(self, texts: Sequence[str]) -> Vectors:
        """Embed chunks, truncated to MAX_TOKENS."""
        return self._embedded(texts, "")

    def query(self, text: str) -> Vectors:
        """Embed a question, with the model's query prompt."""
        row: Vectors = self._embedded([text], self._prompt)[0]
        return row

    def _embedded(self, texts: Sequence[str], prompt: str) -> Vectors:
        batch = BATCH_GPU if self._loaded.device.type == "cuda" else BATCH_CPU
        try:
            rows = self._loaded.encode(list(texts), prompt=prompt, batch_size=batch, show_progress_bar=False)
        except RuntimeError as error:  # torch's out-of-memory error is one
            raise EmbedderError(
                f"{self.model} failed: {str(error).partition(chr(10))[0]}", "free GPU memory, or choose a smaller model"
            ) from error
        return unit(np.asarray(rows, np.float32).reshape(len(texts), -1))

    @cached_property
    def _loaded(self) -> Any:
        try:
            import torch
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise EmbedderError(
                f"the package {error.name} is not installed", "run `make setup-ml`, or choose another embedder"
            ) from error
        half = {"dtype": torch.bfloat16} if torch.cuda.is_available() else {}
        try:
            model = SentenceTransformer(self.model, trust_remote_code=self._trusted, model_kwargs=half)
        except (OSError, ValueError) as error:
            cause = str(error).partition("\n")[0]
            raise EmbedderError(
                f"{self.model} can't be loaded: {cause}", "set embedder_model to a folder or to a name on the hub"
            ) from error
        model.max_seq_length = min(model.max_seq_length or MAX_TOKENS, MAX_TOKENS)
        return model.eval()


def open_model(settings: "Settings") -> SentenceTransformersEmbedder:
    """Open the configured model, by default stella. Raise EmbedderError if it can't be loaded."""
    embedder = SentenceTransformersEmbedder(settings)
    embedder.dimension  # noqa: B018  # loads the model, so that errors show when the index is opened
    return embedder
