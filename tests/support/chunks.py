"""Chunks with vectors that every process computes alike from their text, for tests of the stores."""

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np

from ml.index.chunk import Chunk, digest
from ml.index.embedder.base import Vectors
from ml.index.store.base import EncodedChunk, EncodedQuery, Repository, SparseVector, Store

DIMENSION = 16


class HashEmbedder:
    """An embedder without a model: texts that share words are close."""

    name = "hash-1"
    dimension = DIMENSION

    def documents(self, texts: Sequence[str]) -> Vectors:
        return np.stack([self.query(text) for text in texts])

    def query(self, text: str) -> Vectors:
        total = np.zeros(DIMENSION, np.float32)
        for word in text.split():
            total += word_vector(word)
        length = float(np.linalg.norm(total))
        return total / length if length else total


@lru_cache(maxsize=1 << 14)
def word_vector(word: str) -> Vectors:
    seed = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")
    return np.random.default_rng(seed).standard_normal(DIMENSION).astype(np.float32)


EMBEDDER = HashEmbedder()


def weights(words: Iterable[str]) -> SparseVector:
    counts = Counter(int.from_bytes(hashlib.blake2b(w.encode(), digest_size=4).digest(), "little") for w in words)
    return SparseVector(list(counts), [2.2 * count / (count + 1.2) for count in counts.values()])


def encode_chunk(
    path: str, line: int, text: str, *, repo: str = "r", symbol: str = "", language: str = "python"
) -> EncodedChunk:
    last = line + text.count("\n")
    chunk = Chunk(repo, "rev", path, line, last, language, symbol, "function", text, digest(text.encode()))
    return EncodedChunk(chunk, EMBEDDER.query(text), weights(text.split()), weights(symbol.split()))


def encode_query(text: str, names: str = "") -> EncodedQuery:
    terms = {name: weights(set(words.split())) for name, words in (("text", text), ("names", names))}
    return EncodedQuery(EMBEDDER.query(text), _ones(terms["text"]), _ones(terms["names"]))


def _ones(vector: SparseVector) -> SparseVector:
    return SparseVector(vector.indices, [1.0] * len(vector.indices))


def store_files(store: Store, files: Iterable[EncodedChunk], repo: str = "r", version: int = 0) -> Repository:
    """Replace the repository's content with files made of these chunks; a file's digest is that of its texts."""
    by_path: dict[str, list[EncodedChunk]] = {}
    for chunk in files:
        by_path.setdefault(chunk.chunk.file_path, []).append(chunk)
    with store.update(repo, version) as update:
        for path, chunks in by_path.items():
            update.put(path, file_digest(chunks), chunks)
        update.delete(update.files().keys() - by_path.keys())
        return update.commit(Repository(repo, f"/src/{repo}", "rev"))


def file_digest(chunks: Sequence[EncodedChunk]) -> str:
    return digest("\n".join(chunk.chunk.text for chunk in chunks).encode())


def expected_scores(
    corpus: Sequence[EncodedChunk], query: EncodedQuery
) -> dict[str, dict[tuple[str, str, int], float]]:
    """Return by plain arithmetic each vector's score for each chunk: a cosine, and BM25 sums over matching terms."""
    return {
        "dense": {place(chunk): float(chunk.dense @ query.dense) for chunk in corpus},
        "text": _bm25([(place(chunk), chunk.text) for chunk in corpus], query.text),
        "names": _bm25([(place(chunk), chunk.names) for chunk in corpus], query.names),
    }


def place(chunk: EncodedChunk) -> tuple[str, str, int]:
    return chunk.chunk.repo, chunk.chunk.file_path, chunk.chunk.line_start


def _bm25(
    vectors: Sequence[tuple[tuple[str, str, int], SparseVector]], query: SparseVector
) -> dict[tuple[str, str, int], float]:
    """Sum weight x idf, idf = ln(1 + (N - n + 0.5) / (n + 0.5)) over the N points that have the vector."""
    total = sum(bool(vector.indices) for _, vector in vectors)
    having = Counter(index for _, vector in vectors for index in vector.indices)
    scores = {}
    for key, vector in vectors:
        weight = dict(zip(vector.indices, vector.values, strict=True))
        shared = [index for index in query.indices if index in weight]
        if shared:
            idf = {index: math.log(1 + (total - having[index] + 0.5) / (having[index] + 0.5)) for index in shared}
            scores[key] = sum(weight[index] * idf[index] for index in shared)
    return scores
