"""A manifest of repositories, each pinned to a revision: what is indexed where everybody has to get the same index.

A TOML file: a table a repository, named as it is called in the index.

    [payments]
    source = "https://git.example/payments.git"    # or a folder or an archive; a relative path is relative to this file
    revision = "4f2c…"                             # a git commit, whole; of a released package or archive its version
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
CURE = 'write a table a repository: [NAME], source = "…", revision = "…"'


@dataclass(frozen=True, slots=True)
class Pin:
    """A repository as the manifest names it; `source` is a URL or an absolute path."""

    name: str
    source: str
    revision: str

    @property
    def is_commit(self) -> bool:
        """Return whether it is pinned by git."""
        return bool(COMMIT.fullmatch(self.revision))

    def check(self) -> None:
        """Raise SourceError where the source is not there, or is not at the revision that it is pinned to.

        Of git's commits git itself says that when they are read.
        """
        if self.is_commit:
            return
        if is_url(self.source):
            cause = f"{self.name} is pinned to {self.revision!r}, which may mean another commit tomorrow"
            raise SourceError(cause, "pin it to a whole commit, see: git ls-remote")
        with open_source(self.source, name=self.name) as source:
            if source.revision != self.revision:
                cause = f"{self.name} is pinned to {self.revision}, but {self.source} holds {source.revision}"
                raise SourceError(cause, "bring that revision, or mend the pin")


def read_pins(manifest: Path) -> list[Pin]:
    """Return the pins of a manifest, by name. Raise SourceError where it can't be read or lacks something."""
    try:
        tables = tomllib.loads(manifest.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SourceError(f"the manifest {manifest} can't be read ({error})", CURE) from error
    if not tables:
        raise SourceError(f"the manifest {manifest} names no repository", CURE)
    return [_pin(name, table, manifest) for name, table in sorted(tables.items())]


def _pin(name: str, table: object, manifest: Path) -> Pin:
    if not isinstance(table, Mapping) or set(table) != {"source", "revision"}:
        raise SourceError(f"{manifest}: {name} needs source and revision, and nothing else", CURE)
    source, revision = table["source"], table["revision"]
    if not (isinstance(source, str) and source and isinstance(revision, str) and revision):
        raise SourceError(f"{manifest}: source and revision of {name} have to be texts", CURE)
    if not is_url(source):
        source = str((manifest.parent / Path(source).expanduser()).resolve())
    return Pin(name, source, revision)
