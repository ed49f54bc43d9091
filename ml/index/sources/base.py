"""What a source is, and what comes out of it."""

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
    """A file to read. `path` is its name within the source, printable and unique; `absolute` opens it."""

    path: str
    absolute: str


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file that is left out, or a whole folder (`path` ends with "/"), and why."""

    path: str
    reason: Reason


@dataclass(frozen=True, slots=True)
class SourceText:
    """A file's text, its lines parted by "\\n" alone, and the digest of its bytes."""

    path: str
    text: str
    digest: str


@dataclass(frozen=True, slots=True)
class Source:
    """An opened source: the folder `root` and where it came from.

    `origin` is what was asked for, made absolute and without credentials. `revision` is a git commit, with "-dirty"
    behind it where the working tree differs; the version of a released archive; or "tree". `exported` says that `root`
    holds the files of one commit, so that .gitignore has no say. `git_folders` are what the user vouches for; see
    `ownership`.
    """

    name: str
    origin: str
    revision: str
    root: Path
    exported: bool = False
    git_folders: tuple[Path, ...] = ()

    def walk(self) -> Iterator[SourceFile | Skipped]:
        """Yield every file by name order, folder by folder, and what is left out without a look into it.

        Never follows a link and never leaves `root`. What can only be told from a file's content, `read` tells.
        """
        from ml.index.sources.tree.walking import walk

        return walk(self.root, honour_gitignore=not self.exported, git_folders=self.git_folders)
