"""The interface of a source, and the files it yields."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Reason = Literal[
    "ignored",
    "vendored",
    "generated",
    "minified",
    "binary",
    "data",
    "notebook",
    "too long",
    "empty",
    "link",
    "link outside",
    "outside",
    "bare repository",
    "too slow",
    "special file",
    "unreadable",
]


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file to read. `path` is its printable, unique name within the source; `absolute` is its path on disk."""

    path: str
    absolute: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file or a whole folder (`path` ends with "/") that is skipped, and why."""

    path: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file's text, with lines separated by "\\n" only, and the digest of its bytes."""

    path: str
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class Source:
    """An opened source: the folder `root` and its origin.

    `origin` is the requested source, made absolute and without credentials. `revision` is a git commit, with the suffix
    "-dirty" if the working tree differs; the version of a released archive; or "tree". `exported` means that `root`
    contains the files of one commit, so that .gitignore does not apply. `git_folders` are those that the user vouches
    for; see `ownership`.
    """

    name: str
    origin: str
    revision: str
    root: Path
    exported: bool = False
    git_folders: tuple[Path, ...] = ()

    def walk(self) -> Iterator[SourceFile | Skipped]:
        """Yield every file in name order, folder by folder, and everything that is skipped without being read.

        Never follow a link and never leave `root`. `read` decides what depends on a file's content.
        """
        from ml.index.sources.tree.walking import walk

        return walk(self.root, honour_gitignore=not self.exported, git_folders=self.git_folders)
