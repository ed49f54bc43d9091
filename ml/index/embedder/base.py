"""What an embedder is."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]


def unit(rows: Vectors) -> Vectors:
    """Scale rows to length 1; a row of zeros stays one."""
    scaled: Vectors = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), np.float32(1e-12))
    return scaled


class Embedder(Protocol):
    """Turns texts into vectors whose dot product is their likeness.

    `name` and `dimension` name the collection, so vectors of different models never mix. Errors are EmbedderError.
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
        """Embed chunks, each its header and text. Gives float32, shape (len(texts), dimension), rows of length 1."""
        ...

    def query(self, text: str) -> Vectors:
        """Embed a question. Gives float32, shape (dimension,), of length 1 (all zeros for a text without a word)."""
        ...
