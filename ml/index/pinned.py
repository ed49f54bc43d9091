"""A manifest of repositories, each pinned to a revision, for reproducible indexes.

A TOML file with one table per repository, named as in the index.

    [payments]
    source = "https://git.example/payments.git"    # or a folder or archive, relative to this file
    revision = "4f2c…"                             # a full git commit, or the version of a package or archive
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ml.errors import SourceError
from ml.index.sources import open_source
from ml.index.sources.git.remote import is_url

COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
CURE = 'write one table per repository: [NAME], source = "…", revision = "…"'


@dataclass(frozen=True, slots=True)
class Pin:
    """A repository in the manifest; `source` is a URL or an absolute path."""

    name: str
    source: str
    revision: str

    @property
    def is_commit(self) -> bool:
        """Return whether it is pinned to a git commit."""
        return bool(COMMIT.fullmatch(self.revision))

    def check(self) -> None:
        """Raise SourceError if the source is missing or is not at the pinned revision.

        Git commits are checked by git itself when they are read.
        """
        if self.is_commit:
            return
        if is_url(self.source):
            cause = f"{self.name} is pinned to {self.revision!r}, which is not a fixed commit"
            raise SourceError(cause, "pin it to a full commit hash, see: git ls-remote")
        with open_source(self.source, name=self.name) as source:
            if source.revision != self.revision:
                cause = f"{self.name} is pinned to {self.revision}, but {self.source} is at {source.revision}"
                raise SourceError(cause, "check out that revision, or correct the pin")


def read_pins(manifest: Path) -> list[Pin]:
    """Return the pins of a manifest, by name. Raise SourceError if it can't be read or is incomplete."""
    try:
        tables = tomllib.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"the manifest {manifest} can't be read ({error})", CURE) from error
    if not tables:
        raise SourceError(f"the manifest {manifest} lists no repositories", CURE)
    return [_pin(name, table, manifest) for name, table in sorted(tables.items())]


def _pin(name: str, table: object, manifest: Path) -> Pin:
    if not isinstance(table, Mapping) or set(table) != {"source", "revision"}:
        raise SourceError(f"{manifest}: {name} must have source and revision, and nothing else", CURE)
    source, revision = table["source"], table["revision"]
    if not (isinstance(source, str) and source and isinstance(revision, str) and revision):
        raise SourceError(f"{manifest}: source and revision of {name} must be strings", CURE)
    if not is_url(source):
        source = str((manifest.parent / Path(source).expanduser()).resolve())
    return Pin(name, source, revision)
