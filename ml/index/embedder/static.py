"""Static vectors: a text's vector is the weighted sum of its words' vectors.

No model runs; one core embeds thousands of chunks per second.

`ml.index.embedder.train` trains the table, which ships in `data/` next to this module: `vocabulary.txt`, one piece per
line; `vectors.npy`, int8, one row per piece; `scales.npy`, the factor of each row (its weight included).
"""

from collections.abc import Sequence
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ml.index.embedder.base import Vectors, unit
from ml.index.embedder.vocabulary import Vocabulary

NAME = "static-code-1"
DATA = Path(__file__).parent / "data"
MAX_IDENTIFIERS = 512
BATCH = 256


class StaticEmbedder:
    """The default embedder: a lookup table."""

    def __init__(
        self, vocabulary: Vocabulary, vectors: NDArray[np.int8], scales: NDArray[np.float32], name: str = NAME
    ) -> None:
        self._vocabulary = vocabulary
        self._vectors = vectors
        self._scales = scales
        self._name = name

    @classmethod
    def load(cls, folder: Path = DATA) -> Self:
        """Open the table that `save_table` wrote, memory-mapped."""
        pieces = (folder / "vocabulary.txt").read_text(encoding="utf-8").split("\n")
        return cls(Vocabulary(pieces), np.load(folder / "vectors.npy", mmap_mode="r"), np.load(folder / "scales.npy"))

    @property
    def name(self) -> str:
        """The table's name and version."""
        return self._name

    @property
    def dimension(self) -> int:
        """The length of each vector."""
        return int(self._vectors.shape[1])

    def documents(self, texts: Sequence[str]) -> Vectors:
        """Embed chunks: float32, shape (len(texts), dimension); all zeros for a text without known words."""
        found = np.zeros((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), BATCH):
            found[start : start + BATCH] = self._embed(texts[start : start + BATCH])
        return found

    def query(self, text: str) -> Vectors:
        """Embed a question: float32, shape (dimension,)."""
        vector: Vectors = self.documents([text])[0]
        return vector

    def _embed(self, texts: Sequence[str]) -> Vectors:
        rows = [self._vocabulary.rows(text, MAX_IDENTIFIERS) for text in texts]
        owners = np.repeat(np.arange(len(texts)), [len(found) for found in rows])
        width = len(self._vocabulary)
        together = owners * width + np.array(list(chain.from_iterable(rows)), np.int64)
        cells, counts = np.unique(together, return_counts=True)
        owners, pieces = np.divmod(cells, width)
        used, columns = np.unique(pieces, return_inverse=True)
        weights = np.zeros((len(texts), len(used)), np.float32)
        weights[owners, columns] = self._scales[pieces] * sublinear(counts)
        return unit(weights @ self._vectors[used].astype(np.float32))


def sublinear(counts: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the sublinear weight of n occurrences of a piece in one text."""
    return np.sqrt(counts, dtype=np.float32)


def save_table(folder: Path, pieces: Sequence[str], vectors: Vectors) -> None:
    """Write the table of weighted vectors, float32 of shape (len(pieces), dimension), as int8 with one scale per row."""
    folder.mkdir(parents=True, exist_ok=True)
    scales = np.maximum(np.abs(vectors).max(axis=1), np.float32(1e-12)) / np.float32(127)
    np.save(folder / "vectors.npy", np.rint(vectors / scales[:, None]).astype(np.int8))
    np.save(folder / "scales.npy", scales.astype(np.float32))
    (folder / "vocabulary.txt").write_text("\n".join(pieces), encoding="utf-8")


@cache
def load_static() -> StaticEmbedder:
    """Return the embedder that ships with the package, loaded once per process."""
    return StaticEmbedder.load()
