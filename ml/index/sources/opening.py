"""Open the source that the user named: a folder, a git repository, a git URL or an archive."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ml.errors import SourceError
from ml.index.sources.archives.archive import is_archive, unpack
from ml.index.sources.base import Source
from ml.index.sources.git.ownership import foreign_git_folder
from ml.index.sources.git.process import run_git
from ml.index.sources.git.remote import fetch, is_url, without_credentials
from ml.index.sources.git.repository import export, is_bare, is_working_tree, resolve, working_revision
from ml.index.sources.names import printable, shown, storable
from ml.index.sources.scratch import scratch_folder
from ml.patterns import bounded

UNVERSIONED = "tree"
MAX_NAME = 255
RELEASE = bounded(r"(?P<name>.+?)-v?(?P<version>\d[\w.!+]*)(?:-.*)?", longest=MAX_NAME)
ARCHIVE_SUFFIX = bounded(
    r"\.(?:tar(?:\.\w+)?|tgz|tbz2?|txz|zip|whl|egg|jar|war|nupkg|crate|gem)$", re.IGNORECASE, longest=MAX_NAME
)
SCP_PATH = bounded(r"[^/]*:(?P<path>.*)")


@contextmanager
def open_source(
    spec: str, *, name: str | None = None, revision: str | None = None, git_folders: Sequence[Path] = ()
) -> Iterator[Source]:
    """Open a folder, a git repository (bare or not), a git URL or an archive for as long as the context lasts.

    The revision of a folder without git is the version of the package that was installed into it, or "tree". A working
    tree is read in its current state; with `revision` (a branch, tag or commit) exactly that commit is read, from a
    temporary folder. `name` is the repository's name in the index, by default the folder's name, the URL's last part or
    the archive's name without its version. `git_folders` are folders outside the source that may contain its git data;
    linked worktrees and submodules need none, since they point back. Otherwise such a folder is read as if it had no
    git data. Raise SourceError for a source that can't be read.
    """
    with ExitStack() as stack:
        yield _open(spec, name, revision, git_folders, lambda: stack.enter_context(scratch_folder()))


def _open(
    spec: str, name: str | None, revision: str | None, git_folders: Sequence[Path], scratch: Callable[[], Path]
) -> Source:
    path = _existing(spec)
    if path is None:
        return _open_url(spec, name, revision, scratch)
    if path.is_dir():
        allowed = tuple(place.expanduser().resolve() for place in git_folders)
        return _open_folder(path, name, revision, allowed, scratch)
    if not path.is_file() or not is_archive(path):
        raise SourceError(
            f"{shown(str(path))} is not a folder, git repository or archive", "index the folder that contains it"
        )
    if revision is not None:
        raise SourceError(f"{shown(str(path))} is an archive, which has no revisions", "omit the revision")
    root = unpack(path, scratch())
    stem = ARCHIVE_SUFFIX.sub("", path.name)
    release = RELEASE.fullmatch(stem)
    version = release["version"] if release else UNVERSIONED
    return Source(_name(name, release["name"] if release else stem), storable(str(path)), version, root)


def _existing(spec: str) -> Path | None:
    """Return the absolute path of a local source, or None for a URL."""
    try:
        path = Path(spec).expanduser()
        if spec and path.exists():
            return _readable(path.resolve())
    except PermissionError as error:
        raise SourceError(
            f"'{shown(spec)}' may not be read", "get read permission, or choose another source"
        ) from error
    except (OSError, ValueError, RuntimeError) as error:
        raise SourceError(
            f"'{shown(spec)}' is not a valid path ({shown(str(error))})", "name a folder, a git URL or an archive"
        ) from error
    if not is_url(spec):
        raise SourceError(f"there is no '{shown(spec)}'", "name a folder, a git URL or an archive")
    return None


def _readable(path: Path) -> Path:
    """Return the path if it is readable; raise PermissionError otherwise."""
    if path.is_dir():
        os.scandir(f"{path}/.").close()
    elif path.is_file():
        path.open("rb").close()
    return path


def _open_url(url: str, name: str | None, revision: str | None, scratch: Callable[[], Path]) -> Source:
    repository, commit = fetch(url, revision)
    root = scratch()
    export(repository, commit, root)
    origin = storable(without_credentials(url))
    scp = SCP_PATH.fullmatch(origin)
    last = (scp["path"] if scp and "://" not in origin else origin).rstrip("/").rpartition("/")[2]
    return Source(_name(name, last.removesuffix(".git")), origin, commit, root, exported=True)


def _open_folder(
    folder: Path, name: str | None, revision: str | None, allowed: tuple[Path, ...], scratch: Callable[[], Path]
) -> Source:
    bare = is_bare(folder)
    versioned = bare or is_working_tree(folder)
    foreign = foreign_git_folder(folder, allowed) if versioned else None
    title = _name(name, folder.name.removesuffix(".git") or folder.parent.name)
    if revision is None and not bare:
        commit = working_revision(folder) if versioned and not foreign else None
        return Source(
            title, storable(str(folder)), commit or _release(folder) or UNVERSIONED, folder, git_folders=allowed
        )
    if not versioned:
        run_git("version", at=folder)  # reports a missing git
        raise SourceError(
            f"{shown(str(folder))} is not a git repository, so it has no revision '{shown(revision or '')}'",
            "omit the revision",
        )
    if foreign:
        raise SourceError(
            f"{shown(str(folder))} has git data that is not its own: {shown(str(foreign))}",
            f"if it is yours, add --git-folder {shown(str(foreign))}",
        )
    commit = resolve(folder, "HEAD" if revision is None else revision)
    root = scratch()
    export(folder, commit, root)
    return Source(title, storable(str(folder)), commit, root, exported=True)


def _release(folder: Path) -> str | None:
    """Return the version of a released Python package that was installed into this folder."""
    found = [RELEASE.fullmatch(about.stem) for about in folder.glob("*.dist-info")]
    return found[0]["version"] if len(found) == 1 and found[0] else None


def _name(given: str | None, default: str) -> str:
    name = printable((default if given is None else given).strip())
    if not name:
        raise SourceError("the source has no name", "give it one with --name")
    return name
