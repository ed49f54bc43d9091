"""Git repositories for tests, created by git itself."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

IDENTITY = {
    "GIT_AUTHOR_NAME": "Ann",
    "GIT_AUTHOR_EMAIL": "ann@example.test",
    "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@example.test",
    "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder, without the user's own settings, and return its output."""
    command = ["git", "-c", "protocol.file.allow=always", *arguments]
    done = subprocess.run(command, cwd=folder, env={**os.environ, **IDENTITY}, capture_output=True, check=True)
    return done.stdout.decode("utf-8", "surrogateescape").strip()


def unindented(files: Mapping[str, str]) -> dict[str, str]:
    """Return the files without the indentation they have in a test's source."""
    return {path: dedent(text).lstrip("\n") for path, text in files.items()}


def write_files(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write files below a folder, which is created if missing."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def make_repository(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Create a repository with one commit of the files."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    return commit(folder, files)


def commit(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Write the files and commit everything that is not ignored."""
    write_files(folder, files)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--allow-empty", "--message=change")
    return folder
