"""Walk a source: yield its files in order, and those that are skipped for their name or type."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from ml.errors import GitError
from ml.index.sources.base import Reason, Skipped, SourceFile
from ml.index.sources.files import parts_inside
from ml.index.sources.git.ownership import foreign_git_folder
from ml.index.sources.git.repository import is_bare, is_working_tree, list_files, list_ignored
from ml.index.sources.names import printable
from ml.index.sources.tree.ignoring import GIT_FILES, OWN_FILE, Ignored
from ml.index.sources.tree.rules import FOLDER_MARKERS, VERSION_CONTROL, file_reason, folder_reason

# The entries of a folder as git lists them, subfolders nested under their names; None for what git does not list.
Listing: TypeAlias = "dict[str, Listing] | None"
# What a folder contains; an iterator is a subfolder to enter.
Found: TypeAlias = "SourceFile | Skipped | Iterator[Found]"


def walk(root: Path, honour_gitignore: bool = True, git_folders: Sequence[Path] = ()) -> Iterator[SourceFile | Skipped]:
    """Yield the files below `root` and what is skipped; see `Source.walk`."""
    pending = [_Walker(os.path.realpath(root), honour_gitignore, git_folders).start()]
    while pending:
        found = next(pending[-1], None)
        if found is None:
            pending.pop()
        elif isinstance(found, SourceFile | Skipped):
            yield found
        else:
            pending.append(found)


class _Walker:
    def __init__(self, root: str, honour_gitignore: bool, git_folders: Sequence[Path]) -> None:
        self._root = root
        self._git = honour_gitignore
        self._git_folders = git_folders

    def start(self) -> Iterator[Found]:
        ignored = Ignored((*GIT_FILES, OWN_FILE) if self._git else (OWN_FILE,))
        return self._repository(self._root, "", ignored) if self._git else self._folder(self._root, "", ignored, None)

    def _repository(self, folder: str, relative: str, ignored: Ignored) -> Iterator[Found]:
        """Walk a folder by git's list of files, if there is one: tracked files are kept, whatever .gitignore says."""
        listing: Listing = None
        try:
            known = is_working_tree(Path(folder))
            if known and foreign_git_folder(Path(folder), self._git_folders):
                yield Skipped(printable(f"{relative}.git"), "outside")
            elif known:
                listing, refused = _listing(list_files(Path(folder)))
                yield from (Skipped(printable(relative + path), "outside") for path in refused)
                ignored = ignored.by_git((OWN_FILE,))
                yield from (
                    Skipped(printable(relative + path), "ignored") for path in sorted(list_ignored(Path(folder)))
                )
        except GitError:  # a damaged repository is still a folder
            listing = None
        yield self._folder(folder, relative, ignored, listing)

    def _folder(self, folder: str, relative: str, ignored: Ignored, listing: Listing) -> Iterator[Found]:
        try:
            names: Iterable[str] = [entry.name for entry in os.scandir(folder)] if listing is None else listing
        except OSError:
            yield Skipped(printable(relative or "./"), "unreadable")
            return
        if relative and FOLDER_MARKERS.intersection(names):
            yield Skipped(printable(relative), "vendored")
            return
        if relative and "HEAD" in names and is_bare(Path(folder)):
            yield Skipped(printable(relative), "bare repository")
            return
        ignored = ignored.enter(folder, relative)
        for name in sorted(names):
            if name not in VERSION_CONTROL and name.lower() != ".git":
                yield from self._entry(f"{folder}/{name}", relative + name, ignored, listing and listing[name])

    def _entry(self, absolute: str, path: str, ignored: Ignored, listing: Listing) -> Iterator[Found]:
        try:
            mode = os.lstat(absolute).st_mode
        except FileNotFoundError:  # deleted since git recorded it, or just now
            return
        except OSError:
            yield Skipped(printable(path), "unreadable")
            return
        if not stat.S_ISDIR(mode):
            reason = self._file_reason(absolute, path, mode, ignored)
            yield Skipped(printable(path), reason) if reason else SourceFile(printable(path), absolute)
            return
        path += "/"
        reason = "ignored" if ignored.hides(path) else folder_reason(absolute.rpartition("/")[2])
        if reason:
            yield Skipped(printable(path), reason)
        elif self._git and listing is None and os.path.lexists(f"{absolute}/.git"):
            yield self._repository(absolute, path, ignored)
        else:
            yield self._folder(absolute, path, ignored, listing)

    def _file_reason(self, absolute: str, path: str, mode: int, ignored: Ignored) -> Reason | None:
        if ignored.hides(path):
            return "ignored"
        if stat.S_ISLNK(mode):
            return "link" if self._is_inside(os.path.realpath(absolute)) else "link outside"
        return file_reason(path) if stat.S_ISREG(mode) else "special file"

    def _is_inside(self, target: str) -> bool:
        return os.path.lexists(target) and os.path.commonpath((self._root, target)) == self._root


def _listing(paths: Iterable[str]) -> tuple[Listing, list[str]]:
    """Return paths arranged into folders, and those that lead outside: git does not check the paths in its index."""
    root: dict[str, Listing] = {}
    refused = []
    for path in paths:
        parts = parts_inside(path.removesuffix("/"))
        if parts is None:
            refused.append(path)
            continue
        *folders, name = parts
        folder = root
        for part in folders:
            below = folder.get(part)
            if below is None:
                below = folder[part] = {}
            folder = below
        folder.setdefault(name, None)
    return root, refused
