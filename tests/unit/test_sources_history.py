"""The commit that last changed some lines."""

from pathlib import Path

import pytest

from ml.index.sources.git.history import Change, last_change
from tests.support.git import commit, git, make_repository, write_files

LINES = {2: "    retries = 3", 3: "    return retries"}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = make_repository(tmp_path / "shop", {"src/a.py": "def a():\n    retries = 1\n    return 1\n"})
    return commit(root, {"src/a.py": "def a():\n    retries = 3\n    return retries\n"})


def test_the_commit_of_the_lines_is_found_from_a_folder_within(repository: Path) -> None:
    git(
        repository,
        "commit",
        "--quiet",
        "--amend",
        "-m",
        "Try three times, since the gateway drops one call in two\n\nMore.",
    )
    head = git(repository, "rev-parse", "HEAD")
    found = last_change(repository / "src", head, "a.py", LINES)
    day = git(repository, "log", "-1", "--format=%cd", "--date=format-local:%Y-%m-%d")
    assert found == Change(head[:9], day, "Try three times, since the gateway drops one call in two")
    assert last_change(repository / "src", f"{head}-dirty", "a.py", LINES) == found


def test_lines_that_git_has_otherwise_tell_nothing(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert last_change(repository / "src", f"{head}-dirty", "a.py", {2: "    retries = 9"}) is None
    assert last_change(repository, head, "missing.py", LINES) is None
    assert last_change(repository, "tree", "src/a.py", LINES) is None
    assert last_change(repository / "away", head, "src/a.py", LINES) is None


def test_a_folder_that_points_at_another_repository_tells_nothing(repository: Path, tmp_path: Path) -> None:
    lure = write_files(tmp_path / "lure", {".git": f"gitdir: {repository / '.git'}\n"})
    assert last_change(lure, git(repository, "rev-parse", "HEAD"), "src/a.py", LINES) is None


def test_a_secret_in_a_message_is_taken_out(repository: Path) -> None:
    token = "ghp_" + "a1B2c3D4e5" * 3 + "f6G7h8"
    git(repository, "commit", "--quiet", "--amend", "-m", f"Try {token} three times")
    found = last_change(repository, git(repository, "rev-parse", "HEAD"), "src/a.py", LINES)
    assert found
    assert token not in found.subject
    assert "REDACTED" in found.subject


def test_no_program_of_the_repository_runs(repository: Path, tmp_path: Path) -> None:
    git(repository, "config", "diff.run.textconv", f"touch {tmp_path}/ran; cat")
    write_files(repository, {".gitattributes": "*.py diff=run\n"})
    last_change(repository, git(repository, "rev-parse", "HEAD"), "src/a.py", LINES)
    assert not (tmp_path / "ran").exists()
