"""The kept chats: one SQLite file in the data folder, private to its owner.

A turn is on the disk once `keep` returns, whatever happens to the process or the machine afterwards; a disk that is
full refuses it whole. Several processes may read and write at once. Deleted text is overwritten.
"""

import json
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ml.errors import ChatMissingError, RecordError
from ml.private import create_private, private_folder
from rag_service import wire
from rag_service.answer.composed.prose import shorten
from rag_service.answer.conversation.turns import Turn
from rag_service.answer.events import Answer, Citation
from rag_service.record import redact_text, redact_value

if TYPE_CHECKING:
    from ml.settings import Settings

FILE = "chats.sqlite"
VERSION = 1
BUSY_SECONDS = 10.0
LONGEST_TITLE = 80
MOST_TURNS = 500  # of one chat
SCHEMA = """
CREATE TABLE chats (
    id TEXT PRIMARY KEY, owner TEXT NOT NULL, title TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX chats_by_use ON chats (updated);
CREATE TABLE turns (
    chat TEXT NOT NULL REFERENCES chats ON DELETE CASCADE, number INTEGER NOT NULL, time TEXT NOT NULL,
    question TEXT NOT NULL, answer TEXT NOT NULL, PRIMARY KEY (chat, number)
) WITHOUT ROWID;
"""
HEAD = "SELECT id, title, owner, created, updated, (SELECT count(*) FROM turns WHERE chat = id) FROM chats"
VISIBLE = "(:viewer IS NULL OR owner = :viewer)"
CONTAINS = """(instr(folded(title), ?) OR EXISTS (
    SELECT 1 FROM turns WHERE chat = id
    AND (instr(folded(question), ?) OR instr(folded(json_extract(answer, '$.answer')), ?))))"""


@dataclass(frozen=True, slots=True)
class Chat:
    """A kept chat without its turns; times are ISO 8601, UTC."""

    id: str
    title: str
    owner: str
    created: str
    updated: str
    turns: int


@dataclass(frozen=True, slots=True)
class KeptTurn:
    """A question as it was asked, and its answer in the form of `wire.answer`."""

    time: str
    question: str
    answer: Mapping[str, Any]

    @property
    def citations(self) -> Sequence[Citation]:
        """What each `[n]` stands for."""
        return [Citation(**citation) for citation in self.answer["citations"]]


@dataclass(frozen=True, slots=True)
class Kept:
    """The chat that a turn was kept in, and the chats that made room for it."""

    id: str
    removed: Sequence[Chat] = ()


class Chats:
    """The chats in a data folder.

    `viewer` is the caller whose chats a method may touch; None is everyone's. Methods raise RecordError if the file can't
    be read or written, and ChatMissingError for a chat that is not there, or not the viewer's.
    """

    def __init__(self, settings: "Settings") -> None:
        self.file = Path(settings.data_dir) / FILE
        self._settings = settings

    def find(self, query: str = "", *, viewer: str | None = None, limit: int = 100, offset: int = 0) -> list[Chat]:
        """Return the chats that contain every word of a query in title, questions or answers; last used first."""
        words = folded(query).split()
        where = " AND ".join(["(? IS NULL OR owner = ?)", *[CONTAINS] * len(words)])
        values = [viewer, viewer, *(word for word in words for _ in range(3)), limit, offset]
        with self._open() as database:
            rows = database.execute(f"{HEAD} WHERE {where} ORDER BY updated DESC, id LIMIT ? OFFSET ?", values)
            return [Chat(*row) for row in rows]

    def chat(self, chat: str, *, viewer: str | None = None) -> Chat:
        """Return a chat."""
        with self._open() as database:
            return _find(database, chat, viewer)

    def last(self, owner: str) -> Chat | None:
        """Return the chat that this owner used last."""
        return next(iter(self.find(viewer=owner, limit=1)), None)

    def turns(self, chat: str, *, viewer: str | None = None, last: int = MOST_TURNS) -> list[KeptTurn]:
        """Return the last turns of a chat, oldest first."""
        with self._open() as database:
            _find(database, chat, viewer)
            found = database.execute(
                "SELECT time, question, answer FROM turns WHERE chat = ? ORDER BY number DESC LIMIT ?", (chat, last)
            ).fetchall()
        return [KeptTurn(time, question, json.loads(answer)) for time, question, answer in reversed(found)]

    def history(self, chat: str, *, viewer: str | None = None, last: int) -> list[Turn]:
        """Return the last turns of a chat as a conversation."""
        kept = self.turns(chat, viewer=viewer, last=last)
        return [Turn(turn.question, turn.answer["answer"], turn.citations) for turn in kept]

    def keep(self, chat: str | None, question: str, answer: Answer, *, owner: str, viewer: str | None = None) -> Kept:
        """Append a turn to a chat, or begin one with it. Secrets are redacted.

        Chats that are too old, or too many, make room.
        """
        question, now = redact_text(question), _now()
        with self._open() as database:
            if chat is None:
                chat = secrets.token_hex(8)
                title = shorten(" ".join(question.split()), LONGEST_TITLE)
                database.execute("INSERT INTO chats VALUES (?, ?, ?, ?, ?)", (chat, owner, title, now, now))
            number = _find(database, chat, viewer).turns
            if number >= MOST_TURNS:
                raise RecordError(f"chat {chat} has {number} turns, as many as one can have", "begin a new chat")
            content = redact_value(wire.answer(answer) | {"chat": chat})
            values = (chat, number, now, question, json.dumps(content, ensure_ascii=False))
            database.execute("INSERT INTO turns VALUES (?, ?, ?, ?, ?)", values)
            database.execute("UPDATE chats SET updated = ? WHERE id = ?", (now, chat))
            return Kept(chat, self._make_room(database, chat))

    def rename(self, chat: str, title: str, *, viewer: str | None = None) -> Chat:
        """Give a chat another title and return it."""
        title = shorten(" ".join(redact_text(title).split()), LONGEST_TITLE)
        with self._open() as database:
            _find(database, chat, viewer)
            database.execute("UPDATE chats SET title = ? WHERE id = ?", (title, chat))
            return _find(database, chat, viewer)

    def delete(self, chat: str, *, viewer: str | None = None) -> None:
        """Delete a chat and its turns."""
        with self._open() as database:
            _find(database, chat, viewer)
            database.execute("DELETE FROM chats WHERE id = ?", (chat,))

    def _make_room(self, database: sqlite3.Connection, kept: str) -> Sequence[Chat]:
        """Delete chats that are too old, then the ones unused for longest until number and size are within the limits."""
        removed = []
        if self._settings.chats_days:
            before = _now(timedelta(days=-self._settings.chats_days))
            database.execute("DELETE FROM chats WHERE updated < ? AND id != ?", (before, kept))
        while self._is_full(database):
            oldest = database.execute(f"{HEAD} WHERE id != ? ORDER BY updated, id LIMIT 1", (kept,)).fetchone()
            if oldest is None:
                break
            removed.append(Chat(*oldest))
            database.execute("DELETE FROM chats WHERE id = ?", (oldest[0],))
        return removed

    def _is_full(self, database: sqlite3.Connection) -> bool:
        (count,) = database.execute("SELECT count(*) FROM chats").fetchone()
        size, pages, free = (
            database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_size", "page_count", "freelist_count")
        )
        return bool(count > self._settings.chats_max or (pages - free) * size > self._settings.chats_max_bytes)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection whose changes are on the disk after the block, all or none."""
        try:
            private_folder(self.file.parent)
            os.close(create_private(self.file, os.O_RDWR))
            with closing(sqlite3.connect(self.file, timeout=BUSY_SECONDS, isolation_level=None)) as database:
                database.create_function("folded", 1, folded, deterministic=True)
                for setting in ("synchronous = EXTRA", "foreign_keys = ON", "secure_delete = ON"):
                    database.execute(f"PRAGMA {setting}")
                database.execute("BEGIN IMMEDIATE")
                self._prepare(database)
                yield database
                database.execute("COMMIT")
        except OSError as error:
            raise RecordError(
                f"{self.file} can't be opened ({error.strerror})",
                "set data_dir to a folder that this user may write to",
            ) from error
        except sqlite3.Error as error:
            raise self._translated(error) from error

    def _prepare(self, database: sqlite3.Connection) -> None:
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise RecordError(f"{self.file} was written by a newer version", "update codeintel")
        if version == 0:
            for statement in filter(str.strip, SCHEMA.split(";")):
                database.execute(statement)
            database.execute(f"PRAGMA user_version = {VERSION}")

    def _translated(self, error: sqlite3.Error) -> RecordError:
        match getattr(error, "sqlite_errorcode", 0) & 0xFF:
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                return RecordError(f"{self.file} is in use by another process", "ask again in a moment")
            case sqlite3.SQLITE_FULL | sqlite3.SQLITE_IOERR:
                cure = "free some disk space, delete chats (codeintel chats delete), or set data_dir to another disk"
                return RecordError(f"{self.file} can't be written ({error})", cure)
            case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
                return RecordError(f"{self.file} can't be written ({error})", "let this user write to it")
            case _:
                cure = "restore it from a backup, or move it away to begin without chats"
                return RecordError(f"{self.file} is damaged ({error})", cure)


def open_chats(settings: "Settings") -> Chats:
    """Return the kept chats. Raise ChatMissingError if none are kept."""
    if not settings.keep_chats:
        raise ChatMissingError("chats are not kept here", "set keep_chats = true (CODEINTEL_KEEP_CHATS)")
    return Chats(settings)


def folded(text: str) -> str:
    """Return a text in the form that is searched: lower case, ё as е."""
    return text.casefold().replace("ё", "е")


def _find(database: sqlite3.Connection, chat: str, viewer: str | None) -> Chat:
    row = database.execute(f"{HEAD} WHERE id = :chat AND {VISIBLE}", {"chat": chat, "viewer": viewer}).fetchone()
    if row is None:
        raise ChatMissingError(f"there is no chat {chat!r}", "`codeintel chats list` shows those that are kept")
    return Chat(*row)


def _now(shift: timedelta = timedelta()) -> str:
    return (datetime.now(UTC) + shift).isoformat(timespec="milliseconds")
