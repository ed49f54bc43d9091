"""Decide which git folder a tree may use: only its own, wherever a repository's files point.

A folder from elsewhere may contain a `.git` file, a `commondir`, alternates or links that lead to another repository on
the machine, whose files would be read as if they were its own. A tree owns its `.git`; outside the tree, only a folder
that points back at it, as git creates for linked worktrees (`git worktree add`) and submodules, or one that the user
names.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from ml.errors import GitError
from ml.index.sources.files import read_regular
from ml.index.sources.git.process import run_git

POINTER_BYTES = 8192
WORKTREES = "worktrees"


def foreign_git_folder(folder: Path, allowed: Sequence[Path] = ()) -> Path | None:
    """Return the path at which git would read foreign data, or None if all of it is the folder's own or allowed.

    `folder` is in a working tree or is a bare repository; `allowed` are folders that the user vouches for.
    """
    found = _git_folders(folder)
    if found is None:
        return folder
    tree, git_folder, common = found
    own = [common]
    if not (_is_own_bare(folder, git_folder, common) if tree is None else _belongs(tree, git_folder, common)):
        foreign = next((place for place in (common, git_folder) if not _is_below(place, allowed)), None)
        if foreign:
            return foreign
        own.append(git_folder)
    linked = (place for place in _linked_objects(common) if not _is_below(place, (*own, *allowed)))
    return next(linked, None) or next((place for place in _alternates(common) if not _is_below(place, allowed)), None)


def _git_folders(folder: Path) -> tuple[Path | None, Path, Path] | None:
    """Return the tree (None for a bare repository), the git folder and the common git folder, as git reports them."""
    bare, *places = _rev_parse(folder, "--is-bare-repository", "--absolute-git-dir", "--git-common-dir")
    tree = _rev_parse(folder, "--show-toplevel") if bare == "false" else [""]
    if len(places) != 2 or len(tree) != 1:  # a name with a line break is ambiguous
        return None
    git_folder, common = (Path(os.path.realpath(place)) for place in places)
    return (Path(os.path.realpath(tree[0])) if tree[0] else None), git_folder, common


def _rev_parse(folder: Path, *what: str) -> list[str]:
    try:
        told = run_git("rev-parse", "--path-format=absolute", *what, at=folder)
    except GitError:
        return [""]
    return os.fsdecode(told).removesuffix("\n").split("\n")


def _is_own_bare(folder: Path, git_folder: Path, common: Path) -> bool:
    return git_folder == common == Path(os.path.realpath(folder))


def _belongs(tree: Path, git_folder: Path, common: Path) -> bool:
    """Return whether the git folder is the tree's `.git`, or the tree and the git folder point at each other."""
    if git_folder == tree / ".git":
        return common == git_folder
    if _pointer(tree / ".git", b"gitdir: ") != git_folder:
        return False
    if git_folder.parent == common / WORKTREES:
        return _pointer(git_folder / "gitdir") == tree / ".git"
    return common == git_folder and _configured_tree(git_folder) == tree


def _pointer(file: Path, mark: bytes = b"") -> Path | None:
    """Return the path that a pointer file of git contains, resolved from the file's folder."""
    content = read_regular(str(file), POINTER_BYTES)
    if isinstance(content, str) or not content.startswith(mark):
        return None
    return _resolved(file.parent, os.fsdecode(content.removeprefix(mark).rstrip(b"\r\n")))


def _configured_tree(git_folder: Path) -> Path | None:
    try:
        told = run_git("config", "--file", str(git_folder / "config"), "core.worktree", at=git_folder)
    except GitError:
        return None
    return _resolved(git_folder, os.fsdecode(told.removesuffix(b"\n")))


def _resolved(folder: Path, name: str) -> Path | None:
    if not name or "\0" in name:
        return None
    place = folder / name
    # Except the last part: a `.git` that is a link is not the tree's own.
    return Path(os.path.realpath(place.parent)) / place.name if place.name == ".git" else Path(os.path.realpath(place))


def _linked_objects(common: Path) -> Iterator[Path]:
    """Yield the targets of links among git's objects, which contain the content of every file."""
    objects = common / "objects"
    if objects.is_symlink():
        yield Path(os.path.realpath(objects))
    pending = [str(objects)]
    while pending:
        with suppress(OSError), os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_symlink():
                    yield Path(os.path.realpath(entry.path))
                elif entry.is_dir():
                    pending.append(entry.path)


def _alternates(common: Path) -> Iterator[Path]:
    """Yield the alternate object folders of a repository."""
    alternates = read_regular(str(common / "objects/info/alternates"), POINTER_BYTES)
    if alternates == "too long":
        yield Path("/")
    elif isinstance(alternates, bytes):
        names = (line for line in os.fsdecode(alternates).split("\n") if line and not line.startswith("#"))
        yield from (Path(os.path.realpath(common / "objects" / name)) for name in names)


def _is_below(place: Path, folders: Sequence[Path]) -> bool:
    return any(place.is_relative_to(folder) for folder in folders)
