"""Local git repositories: the files of a working tree or of a commit."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ml.errors import GitError, GitMissingError, SourceError
from ml.index.sources.archives.unpacking import Unpacker
from ml.index.sources.git.process import git_output, run_git
from ml.index.sources.names import shown

MAX_BYTES = 16 * 1024**3
MAX_REVISION = 1_000
LINK, SUBMODULE = "120000", "160000"


def is_bare(folder: Path) -> bool:
    """Return whether a folder is itself a git directory, as a bare repository is."""
    try:
        return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()
    except OSError:  # a folder that may be listed but not entered
        return False


def is_working_tree(folder: Path) -> bool:
    """Return whether git knows the files of a folder: it is in a working tree and not ignored there.

    An installed package in an ignored .venv is not part of the surrounding repository.
    """
    try:
        told = run_git("rev-parse", "--is-inside-work-tree", "--show-prefix", at=folder)
    except GitError:
        return False
    inside, _, prefix = told.partition(b"\n")
    return inside == b"true" and not (prefix.strip() and _is_ignored(folder))


def list_files(folder: Path) -> list[str]:
    """Return the paths of tracked files and of untracked, not ignored ones, relative to a folder.

    A submodule and a nested repository appear as one name. A path in git's index need not exist.
    """
    listed = run_git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", at=folder)
    return _paths(listed)


def list_ignored(folder: Path) -> list[str]:
    """Return the paths of ignored files; a completely ignored folder is one path that ends with "/"."""
    listed = run_git("ls-files", "-z", "--others", "--ignored", "--exclude-standard", "--directory", at=folder)
    return _paths(listed)


def working_revision(folder: Path) -> str | None:
    """Return the commit of a working tree, with "-dirty" if this folder differs; None before the first commit."""
    try:
        commit = resolve(folder, "HEAD")
        changes = run_git(
            *("status", "--porcelain", "-z", "--untracked-files=normal", "--ignore-submodules=dirty", "--", "."),
            at=folder,
            config=_without_filters(folder),
        )
    except SourceError:
        return None
    return commit + ("-dirty" if changes else "")


def resolve(repository: Path, revision: str) -> str:
    """Return the commit of a branch, tag or any other revision. Raise SourceError if there is none."""
    check_revision(revision)
    try:
        return run_git("rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}", at=repository).decode().strip()
    except GitMissingError:
        raise
    except GitError as error:
        raise unknown_revision(revision) from error


def check_revision(revision: str) -> None:
    """Raise SourceError for a name that can't be a revision or that git would take for an option."""
    odd = not revision or revision.startswith("-") or "\0" in revision or len(revision) > MAX_REVISION
    if odd or any("\ud800" <= character <= "\udfff" for character in revision):
        raise unknown_revision(revision)


def unknown_revision(revision: str) -> SourceError:
    """Return the error for an unknown revision."""
    cure = "use a branch, tag or commit of the repository"
    return SourceError(f"there is no revision '{shown(revision)}'", cure)


def export(repository: Path, commit: str, target: Path) -> None:
    """Write the files of a commit, exactly as committed, without submodules.

    If `repository` is a folder within a working tree, only the files below it. Unlike `git archive` and a checkout this
    ignores attributes and filters, so that no program of the repository's choice runs.
    """
    members = list(_members(repository, commit))
    unpacker = Unpacker(target, MAX_BYTES)
    with tempfile.TemporaryFile() as wanted:
        wanted.writelines(digest + b"\n" for _, digest, _ in members)
        wanted.seek(0)
        with git_output("cat-file", "--batch", at=repository, stdin=wanted) as contents:
            for mode, _, path in members:
                header = contents.readline().split()
                if len(header) != 3:
                    raise SourceError(
                        f"{commit[:12]} lacks some of its files", "fetch all of it (git fetch --refetch --no-filter)"
                    )
                content = contents.read(int(header[2]))
                contents.read(1)
                if mode == LINK:
                    unpacker.link(path, os.fsdecode(content))
                else:
                    unpacker.file(path, [content])
    unpacker.finish()


def _members(repository: Path, commit: str) -> Iterator[tuple[str, bytes, str]]:
    """Yield mode, blob and path of each file and link of a commit."""
    for entry in run_git("ls-tree", "-r", "-z", commit, at=repository).split(b"\0")[:-1]:
        about, _, path = entry.partition(b"\t")
        mode, _, digest = about.split(b" ")
        if mode.decode() != SUBMODULE:
            yield mode.decode(), digest, os.fsdecode(path)


def _is_ignored(folder: Path) -> bool:
    try:
        run_git("check-ignore", "--quiet", "--", ".", at=folder)
    except GitError:
        return False
    return True


def _without_filters(folder: Path) -> dict[str, str]:
    """Return the settings that disable the filter programs that git would run before comparing files."""
    try:
        names = run_git(
            "config", "-z", "--name-only", "--get-regexp", r"^filter\..*\.(clean|process|required)$", at=folder
        )
    except GitError:  # there are none
        return {}
    return {name.decode("utf-8", "surrogateescape"): "" for name in names.split(b"\0")[:-1]}


def _paths(listed: bytes) -> list[str]:
    return [os.fsdecode(path) for path in listed.split(b"\0")[:-1]]
