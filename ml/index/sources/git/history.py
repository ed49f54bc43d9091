"""The commit that last changed some lines of a local git repository."""

import re
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ml.errors import GitError
from ml.index.redact import redact
from ml.index.sources.git.ownership import foreign_git_folder
from ml.index.sources.git.process import run_git

SECONDS = 1.0
COMMIT = re.compile(rb"[0-9a-f]{40,64}(?: |$)")
REVISION = re.compile(r"[0-9a-f]{40,64}(?=-dirty$|$)")
SHORT = 9


@dataclass(frozen=True, slots=True)
class Change:
    """A commit: its abbreviated hash, its day (ISO 8601, UTC), and the first line of its message without secrets."""

    commit: str
    day: str
    subject: str


def last_change(
    folder: Path, revision: str, path: str, lines: dict[int, str], seconds: float = SECONDS
) -> Change | None:
    """Return the commit that most of some lines of a file come from, None where git can't tell in time.

    `lines` are line number -> text. Lines that git has otherwise at the indexed revision do not count.
    """
    found = REVISION.match(revision)
    if not found or not lines or not folder.is_dir():
        return None
    span = f"{min(lines)},{max(lines)}"
    try:
        run_git("rev-parse", "--git-dir", at=folder, seconds=seconds)  # a FIFO as a config file would hold up the rest
        if foreign_git_folder(folder):
            return None
        # A text converter is a program of the repository's choice.
        told = run_git(
            *("blame", "--no-textconv", "--line-porcelain", "-L", span, found[0], "--", path),
            at=folder,
            seconds=seconds,
        )
    except GitError:
        return None
    return _most_frequent(told, lines)


def _most_frequent(told: bytes, lines: dict[int, str]) -> Change | None:
    changes: Counter[Change] = Counter()
    commit, number, about = "", 0, dict[bytes, str]()
    for line in told.split(b"\n"):
        if line.startswith(b"\t"):
            if line[1:].decode("utf-8", "replace").rstrip("\r") == lines.get(number):
                day = datetime.fromtimestamp(int(about[b"committer-time"]), UTC).date().isoformat()
                changes[Change(commit[:SHORT], day, redact("", about[b"summary"]).text)] += 1
        elif COMMIT.match(line):
            parts = line.decode().split(" ")
            commit, number = parts[0], int(parts[2])
        else:
            key, _, value = line.partition(b" ")
            about[key] = value.decode("utf-8", "replace")
    return changes.most_common(1)[0][0] if changes else None
