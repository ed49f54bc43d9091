"""The finished files of an uncommitted index run, so that the run after a kill need not process them again.

One SQLite file per repository. It contains only the arguments of `Update.put`, so it stays valid whatever else is
committed meanwhile. A file of another embedder or index version, or a damaged one, is discarded.
"""

import json
import os
import sqlite3
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ml.index.chunk import digest
from ml.index.store.base import EncodedChunk, SparseVector
from ml.index.store.embedded.manifest import FileRecord
from ml.index.store.points import chunk_id
from ml.private import create_private, private_folder

CHECKPOINT_CHUNKS, CHECKPOINT_SECONDS = 2_000, 5.0
# The builder process of a killed run may hold the file for a moment longer.
BUSY_SECONDS = 10
SCHEMA = """
CREATE TABLE IF NOT EXISTS made_for (value TEXT);
CREATE TABLE IF NOT EXISTS file (path TEXT PRIMARY KEY, record TEXT);
CREATE TABLE IF NOT EXISTS chunk (path TEXT, id TEXT, payload TEXT, dense BLOB, text BLOB, names BLOB);
CREATE INDEX IF NOT EXISTS chunk_path ON chunk (path);
"""
FOR_WHAT = "INSERT INTO made_for SELECT ? WHERE NOT EXISTS (SELECT * FROM made_for)"
StagedChunk = tuple[str, dict[str, Any], list[float], SparseVector, SparseVector]


def staging_path(folder: Path, repo: str) -> Path:
    """Return the path of a repository's staging file."""
    return folder / "staging" / f"{digest(repo.encode())}.sqlite"


def discard(path: Path) -> None:
    """Remove a staging file and SQLite's auxiliary files."""
    for suffix in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


class Staging:
    """The staged files of one repository, open for writing. Errors are those of sqlite3 and OSError."""

    def __init__(self, path: Path, made_for: str) -> None:
        self.path = path
        self._unsaved = 0
        self._saved_at = time.monotonic()
        self._closed = False
        private_folder(path.parent)
        if path.exists() and not _is_usable(path, made_for):
            discard(path)
        os.close(create_private(path, os.O_RDWR))  # SQLite creates its auxiliary files with the same mode
        self._database = connect(path)
        try:
            self._database.executescript(SCHEMA)
            self._database.execute(FOR_WHAT, (made_for,))
            self._database.commit()
        except BaseException:
            self._database.close()
            raise

    def put(self, path: str, record: FileRecord, chunks: Sequence[EncodedChunk]) -> None:
        """Stage a file; replace what was staged of it."""
        self.delete([path])
        self._database.execute("INSERT INTO file VALUES (?, ?)", (path, json.dumps(record.as_json())))
        self._database.executemany(
            "INSERT INTO chunk VALUES (?, ?, ?, ?, ?, ?)", (_row(path, chunk) for chunk in chunks)
        )
        self._unsaved += len(chunks) + 1
        if self._unsaved >= CHECKPOINT_CHUNKS or time.monotonic() - self._saved_at > CHECKPOINT_SECONDS:
            self.save()

    def delete(self, paths: Iterable[str]) -> None:
        """Remove files from the staging area."""
        for path in paths:
            self._database.execute("DELETE FROM file WHERE path = ?", (path,))
            self._database.execute("DELETE FROM chunk WHERE path = ?", (path,))

    def files(self) -> dict[str, FileRecord]:
        """Return path -> record of each staged file."""
        rows = self._database.execute("SELECT path, record FROM file")
        return {path: FileRecord.from_json(json.loads(record)) for path, record in rows}

    def save(self) -> None:
        """Commit what was put so far, so that it survives a kill."""
        self._database.commit()
        self._unsaved = 0
        self._saved_at = time.monotonic()

    def close(self) -> None:
        """Save and close the file; do nothing if it is already closed."""
        if not self._closed:
            self._closed = True
            try:
                self.save()
            finally:
                self._database.close()

    def discard(self) -> None:
        """Close the file and remove everything that was staged."""
        self._closed = True
        self._database.close()
        discard(self.path)


def _is_usable(path: Path, wanted: str) -> bool:
    database = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        found = (
            database.execute("PRAGMA quick_check(1)").fetchone(),
            database.execute("SELECT value FROM made_for").fetchone(),
        )
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_ERROR:  # another schema
            return False
        raise  # a failure to open or read it says nothing about its content
    except sqlite3.DatabaseError:
        return False
    finally:
        database.close()
    return found == (("ok",), (wanted,))


def connect(path: Path) -> sqlite3.Connection:
    """Open a staging file with a journal that survives a kill, locked for other processes."""
    database = sqlite3.connect(path, timeout=BUSY_SECONDS)
    try:
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        database.close()
        raise
    return database


def staged_chunks(path: Path) -> Iterator[StagedChunk]:
    """Yield (id, payload, dense, text, names) of each staged chunk, ordered by file and line."""
    database = connect(path)
    try:
        rows = database.execute("SELECT id, payload, dense, text, names FROM chunk ORDER BY path, rowid")
        for point, payload, dense, text, names in rows:
            yield point, json.loads(payload), array("f", dense).tolist(), _sparse(text), _sparse(names)
    finally:
        database.close()


def _row(path: str, encoded: EncodedChunk) -> tuple[str, str, str, bytes, bytes, bytes]:
    chunk = encoded.chunk
    dense = encoded.dense.astype("float32").tobytes()
    payload = json.dumps(chunk.payload(), ensure_ascii=False)
    return (
        path,
        chunk_id(chunk.repo, path, chunk.line_start),
        payload,
        dense,
        _packed(encoded.text),
        _packed(encoded.names),
    )


def _packed(vector: SparseVector) -> bytes:
    return array("I", vector.indices).tobytes() + array("f", vector.values).tobytes()


def _sparse(packed: bytes) -> SparseVector:
    half = len(packed) // 2
    return SparseVector(array("I", packed[:half]).tolist(), array("f", packed[half:]).tolist())
