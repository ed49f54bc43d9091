"""The interface of an embedder."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


def unit(rows: Vectors) -> Vectors:
    """Scale rows to length 1; a row of zeros stays zero."""
    scaled: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), np.float32(1e-12))
    return scaled


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their similarity.

    `name` and `dimension` are part of the collection's name, so vectors of different models never mix. All errors are
    EmbedderError.
    """

    @property
    def name(self) -> str:
        """The model and its version, for example "static-code-1"."""
        ...

    @property
    def dimension(self) -> int:
        """The length of each vector."""
        ...

    def documents(self, texts: Sequence[str]) -> Vectors:
        """Embed chunks (header and text): float32, shape (len(texts), dimension), rows of length 1."""
        ...

    def query(self, text: str) -> Vectors:
        """Embed a question: float32, shape (dimension,), of length 1 (all zeros for a text without words)."""
        ...
