"""Shared by both backends: the names of the vectors, the ids of the points, and the check of vectors."""

import hashlib
from collections.abc import Iterable, Sequence
from uuid import UUID

from ml.errors import EmbedderError
from ml.index.store.base import EncodedChunk, SparseVector

DENSE, TEXT, NAMES = "dense", "text", "names"
INDEXED_FIELDS = ("repo", "file_path", "language")
LENGTH_TOLERANCE = 0.01
# The first 24 of a UUID's 32 hexadecimal digits, with their hyphens.
FILE_KEY_LENGTH = 28


def point_id(*parts: str) -> str:
    """Return the UUID of a record; 128 bits of digest rule out collisions."""
    return str(UUID(bytes=_digest(parts, 16)))


def chunk_id(repo: str, file_path: str, line_start: int) -> str:
    """Return the UUID of a chunk's point: 96 bits for its file, then its first line, which no two chunks share."""
    return str(UUID(bytes=_digest((repo, file_path), 12) + line_start.to_bytes(4, "big")))


def file_key(repo: str, file_path: str) -> str:
    """Return the common prefix of the ids of a file's chunks."""
    return file_key_of(chunk_id(repo, file_path, 0))


def file_key_of(point: str) -> str:
    """Return the part of a chunk's id that identifies its file."""
    return point[:FILE_KEY_LENGTH]


def _digest(parts: Iterable[str], size: int) -> bytes:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=size).digest()


def check_vectors(chunks: Sequence[EncodedChunk], dimension: int) -> None:
    """Raise EmbedderError for a vector that Qdrant would silently accept but answer wrongly from.

    A dense vector has `dimension` finite numbers and length 1 (or is all zeros, for a text without a word).
    """
    import numpy as np

    for chunk in chunks:
        if np.shape(chunk.dense) != (dimension,):
            raise _unfit(chunk, f"shape {np.shape(chunk.dense)} instead of ({dimension},)")
        _check_sparse(chunk, chunk.text)
        _check_sparse(chunk, chunk.names)
    if not chunks:
        return
    lengths = np.linalg.norm(np.stack([chunk.dense for chunk in chunks]), axis=1)
    fit = (abs(lengths - 1) < LENGTH_TOLERANCE) | (lengths == 0)
    if not fit.all():
        bad = int(np.argmin(fit))
        raise _unfit(chunks[bad], f"length {lengths[bad]:.3g} instead of 1")


def _check_sparse(chunk: EncodedChunk, vector: SparseVector) -> None:
    if len(vector.indices) != len(vector.values) or len(set(vector.indices)) != len(vector.indices):
        raise _unfit(chunk, "a sparse vector whose indices are not unique or not as many as its values")
    if vector.values and not (min(vector.values) > 0 and sum(vector.values) < float("inf")):
        raise _unfit(chunk, "a sparse vector with weights that are not positive numbers")


def _unfit(chunk: EncodedChunk, reason: str) -> EmbedderError:
    return EmbedderError(
        f"the vector of {chunk.chunk.file_path}:{chunk.chunk.line_start} can't be stored ({reason})",
        "check the configured embedder: codeintel doctor",
    )
