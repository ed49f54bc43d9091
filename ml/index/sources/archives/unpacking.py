"""Write the files of an archive or a commit into a folder, and nowhere else."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from ml.errors import SourceError
from ml.index.sources.tree.rules import VERSION_CONTROL

MAX_FILES = 500_000
MAX_DEPTH = 100


class Unpacker:
    """Writes into `target`, at most `max_bytes` in all. Links are created last, so that nothing is written through them."""

    def __init__(self, target: Path, max_bytes: int) -> None:
        self._target = target
        self._left = max_bytes
        self._files = 0
        self._folders: set[Path] = set()
        self._links: list[tuple[Path, str]] = []

    def file(self, name: str, blocks: Iterable[bytes]) -> None:
        """Write a file block by block. Raise SourceError for a name that leads outside and for too much."""
        path = self._place(name)
        if path is None:
            return
        with path.open("wb") as file:
            for block in blocks:
                self._left -= len(block)
                if self._left < 0:
                    raise decompression_bomb()
                file.write(block)

    def link(self, name: str, to: str) -> None:
        """Record a symbolic link, whatever its target: readers of the folder do not follow links."""
        path = self._place(name)
        if path is not None:
            self._links.append((path, to))

    def finish(self) -> None:
        """Create the links; skip one whose path is taken."""
        for path, to in self._links:
            with suppress(OSError, ValueError):
                path.symlink_to(to)

    def _place(self, name: str) -> Path | None:
        """Return the path of a member and create its folder; None for files of a version control system."""
        parts = [part for part in name.split("/") if part not in ("", ".")]
        if name.startswith("/") or ".." in parts or "\0" in name or not parts:
            raise SourceError(
                f"it contains a file named {name!r}, which would be outside the folder",
                "unpack it by hand and index the folder",
            )
        if VERSION_CONTROL.intersection(parts):
            return None
        self._files += 1
        if self._files > MAX_FILES or len(parts) > MAX_DEPTH:
            raise decompression_bomb()
        place = self._target.joinpath(*parts)
        if place.parent not in self._folders:
            place.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(place.parent)
        return place


def decompression_bomb() -> SourceError:
    """Return the error for a decompression bomb."""
    return SourceError("it unpacks to far more than a code base would", "unpack it by hand and index the folder")
