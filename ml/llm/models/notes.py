"""What is known about a model's file on this machine: the digest that was checked, and its speed."""

import json
import os
import platform
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from ml.atomic import write_atomically
from ml.llm.model import Speed
from ml.private import private_folder


@dataclass(frozen=True, slots=True)
class Note:
    """A file's size and modification time (ns) when it was looked at, its SHA-256 ("" if unchecked) and its speed."""

    size: int
    changed: int
    sha256: str = ""
    speed: Speed | None = None


class Notes:
    """A folder of notes, one file for each model's file and machine. A note lapses when its file changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def of(self, path: Path) -> Note:
        """Return what is known about a file; nothing if it has changed. Raise OSError if the file can't be read."""
        about = path.stat()
        now = Note(about.st_size, about.st_mtime_ns)
        with suppress(OSError, ValueError, TypeError, KeyError):  # none, or damaged: as if nothing were known
            kept = _parse(json.loads(self._place(path).read_text(encoding="utf-8")))
            if (kept.size, kept.changed) == (now.size, now.changed):
                return kept
        return now

    def keep(self, path: Path, **known: Any) -> None:
        """Add to what is known about a file. What can't be written is checked or measured again next time."""
        with suppress(OSError):
            private_folder(self._folder)
            note = replace(self.of(path), **known)
            write_atomically(self._place(path), json.dumps(asdict(note)).encode())

    def drop(self, path: Path) -> None:
        """Forget a file."""
        self._place(path).unlink(missing_ok=True)

    def _place(self, path: Path) -> Path:
        # A data folder may be shared by machines, and a container may use fewer cores than its machine has.
        machine = (
            f"{platform.node()} {len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()}"
        )
        return self._folder / f"{sha256(f'{machine} {path.absolute()}'.encode()).hexdigest()[:16]}.json"


def _parse(about: dict[str, Any]) -> Note:
    return Note(**about | {"speed": Speed(**about["speed"]) if about["speed"] else None})
