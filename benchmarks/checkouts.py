"""The checkouts of the repositories that questions are about."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[1]
CHECKOUTS = PROJECT / ".cache" / "bench"


def has_files(folder: Path) -> bool:
    """Return whether a folder exists and is not empty."""
    return folder.is_dir() and any(folder.iterdir())


def clone(url: str, revision: str, folder: Path) -> None:
    """Clone a repository at a revision, which may be abbreviated; print why if that fails.

    The files of other revisions are not fetched.
    """
    run("git", "clone", "--quiet", "--no-checkout", "--filter=blob:none", url, str(folder))
    run("git", "-C", str(folder), "checkout", "--quiet", "--detach", revision)


def run(*command: str) -> None:
    """Run a command, and print what it says if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"{' '.join(command)}: {done.stderr.strip()}", file=sys.stderr)
