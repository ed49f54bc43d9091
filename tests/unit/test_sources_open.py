"""Folders, repositories, revisions and URLs: what is opened, under which name, and what is rejected."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ml.errors import SourceError
from ml.index.sources import Skipped, SourceFile, open_source
from ml.index.sources.git.remote import is_url, without_credentials
from tests.support.git import commit, git, make_repository, write_files


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/codeintel"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two commits, the first tagged v1; a branch "side" at the first."""
    root = make_repository(tmp_path / "shop", {"a.py": "a = 1\n", "src/b.py": "b = 1\n"})
    git(root, "tag", "v1")
    git(root, "branch", "side")
    return commit(root, {"a.py": "a = 2\n", "c.py": "c = 1\n"})


def contents(spec: Path | str, revision: str | None = None) -> dict[str, str]:
    with open_source(str(spec), revision=revision) as source:
        return {file.path: Path(file.absolute).read_text() for file in source.walk() if isinstance(file, SourceFile)}


def test_a_plain_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_files(tmp_path / "plain", {"a.py": "a = 1\n"})
    monkeypatch.chdir(tmp_path / "plain")
    with open_source(".") as source:
        assert (source.name, source.origin, source.revision) == ("plain", str(tmp_path / "plain"), "tree")
    with open_source(".", name="other") as source:
        assert source.name == "other"


def test_a_working_tree_as_it_stands(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    with open_source(str(repository)) as source:
        assert (source.name, source.revision) == ("shop", head)
    write_files(repository, {"new.py": "n = 1\n"})
    with open_source(str(repository)) as source:
        assert source.revision == f"{head}-dirty"
    with open_source(str(repository / "src")) as source:
        assert (source.name, source.revision) == ("src", head)
    assert contents(repository / "src") == {"b.py": "b = 1\n"}


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    root = write_files(tmp_path / "new", {"a.py": "a = 1\n"})
    git(root, "init", "--quiet")
    with open_source(str(root)) as source:
        assert source.revision == "tree"
    assert contents(root) == {"a.py": "a = 1\n"}
    with pytest.raises(SourceError, match="no revision 'HEAD'"):
        contents(root, "HEAD")


@pytest.mark.parametrize("revision", ["v1", "side", "HEAD~1", "main^"])
def test_a_revision_is_exactly_that_commit(repository: Path, revision: str) -> None:
    write_files(repository, {"a.py": "changed = 1\n"})
    assert contents(repository, revision) == {"a.py": "a = 1\n", "src/b.py": "b = 1\n"}
    assert contents(repository / "src", revision) == {"b.py": "b = 1\n"}
    with open_source(str(repository), revision=revision) as source:
        assert source.revision == git(repository, "rev-parse", "v1")
        root = source.root
    assert not root.exists()


def test_a_commit_is_exported_byte_by_byte(tmp_path: Path) -> None:
    """Neither .gitignore nor attributes that hide files from `git archive` or change their content have an effect."""
    attributes = "tests/ export-ignore\n*.py text eol=crlf export-subst\n"
    root = make_repository(tmp_path / "repo", {"kept.log": "x", ".gitattributes": attributes})
    commit(root, {".gitignore": "*.log\n", "tests/t.py": "t = '$Format:%H$'\n", os.fsdecode(b"caf\xe9.py"): "x = 1\n"})
    assert contents(root, "HEAD") == {
        ".gitattributes": attributes, ".gitignore": "*.log\n", r"caf\xe9.py": "x = 1\n", "kept.log": "x",
        "tests/t.py": "t = '$Format:%H$'\n",
    }  # fmt: skip


def test_links_of_a_commit(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "repo", {"a.py": "a = 1\n"})
    (root / "out").symlink_to("/etc")
    (root / "in.py").symlink_to("a.py")
    commit(root, {})
    with open_source(str(root), revision="HEAD") as source:
        assert set(source.walk()) == {
            SourceFile("a.py", str(source.root / "a.py")), Skipped("in.py", "link"), Skipped("out", "link outside"),
        }  # fmt: skip


def test_a_bare_repository(repository: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(repository), "bare.git")
    with open_source(str(tmp_path / "bare.git")) as source:
        assert (source.name, source.revision) == ("bare", git(repository, "rev-parse", "main"))
    with open_source(str(repository / ".git")) as source:
        assert source.name == "shop"
    assert contents(tmp_path / "bare.git") == contents(repository)
    assert contents(tmp_path / "bare.git", "v1") == contents(repository, "v1")


@pytest.mark.parametrize("revision", ["nowhere", "", "-p", "--all", "v1:a.py", "HEAD^{tree}", "v1\0"])
def test_an_unknown_revision(repository: Path, revision: str) -> None:
    for spec in (str(repository), f"file://{repository}"):
        with pytest.raises(SourceError, match="there is no revision"):
            contents(spec, revision)


def test_a_revision_of_a_plain_folder(tmp_path: Path) -> None:
    write_files(tmp_path / "plain", {"a.py": "x"})
    with pytest.raises(SourceError, match="not a git repository"):
        contents(tmp_path / "plain", "v1")


@pytest.mark.parametrize(
    "spec", ["", "nowhere", "-oProxyCommand=x", "a\0b", "x" * 5000, "~nobody-at-all/x", "--upload-pack=x"]
)
def test_a_missing_path(spec: str) -> None:
    with pytest.raises(SourceError):
        contents(spec)


def test_a_plain_file_is_not_a_source(tmp_path: Path) -> None:
    write_files(tmp_path, {"a.py": "x = 1\n"})
    with pytest.raises(SourceError, match="not a folder, git repository or archive"):
        contents(tmp_path / "a.py")


def test_a_url_is_fetched_once_and_then_updated(repository: Path, cache: Path) -> None:
    url = f"file://{repository}"
    with open_source(url) as source:
        assert (source.name, source.origin) == ("shop", url)
        assert source.revision == git(repository, "rev-parse", "main")
    assert contents(url) == contents(repository)
    commit(repository, {"d.py": "d = 1\n"})
    assert contents(url)["d.py"] == "d = 1\n"
    (place,) = (path for path in (cache / "git").iterdir() if path.is_dir())
    assert git(place, "rev-list", "--all", "--count") == "1"  # no history is kept
    assert not list((cache / "scratch").iterdir())


@pytest.mark.parametrize("revision", ["v1", "side", "main~1", "short", "full"])
def test_a_revision_of_a_url(repository: Path, revision: str) -> None:
    digest = git(repository, "rev-parse", "v1")
    revision = {"short": digest[:9], "full": digest}.get(revision, revision)
    url = f"file://{repository}"
    for _ in range(2):
        assert contents(url, revision) == {"a.py": "a = 1\n", "src/b.py": "b = 1\n"}
    assert contents(url) == contents(repository)


def test_a_killed_fetch_does_not_block_the_next(repository: Path, cache: Path) -> None:
    url = f"file://{repository}"
    contents(url)
    (place,) = (path for path in (cache / "git").iterdir() if path.is_dir())
    (place / "shallow.lock").touch()
    commit(repository, {"d.py": "d = 1\n"})
    assert "d.py" in contents(url)


def test_an_unreachable_url(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"can't be fetched.*does not appear to be a git repository"):
        contents(f"file://{tmp_path}/nowhere")
    with pytest.raises(SourceError, match="can't be fetched"):
        contents("https://ann:hidden-token@localhost:1/shop.git")


def test_a_token_in_a_url_is_neither_stored_nor_shown(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(SourceError) as failure:
        contents("https://ann:hidden-token@localhost:1/shop.git?key=hidden-token")
    assert "hidden-token" not in f"{failure.value} {failure.value.cause} {failure.value.__cause__}"
    assert not [path for path in cache.rglob("*") if path.is_file() and b"hidden-token" in path.read_bytes()]


@pytest.mark.parametrize(
    ("url", "clean"),
    [
        ("https://token@git.test/a/b.git", "https://git.test/a/b.git"),
        ("https://ann:pw@git.test:8443/b?private_token=x#y", "https://git.test:8443/b"),
        ("ssh://git:pw@git.test/b.git", "ssh://git@git.test/b.git"),
        ("git@git.test:a/b.git", "git@git.test:a/b.git"),
    ],
)
def test_credentials_are_stripped_from_a_url(url: str, clean: str) -> None:
    assert is_url(url)
    assert without_credentials(url) == clean


@pytest.mark.parametrize(
    "url", ["ext::sh -c 'touch owned'", "fd::3", "ftp://git.test/a", "javascript://x", "https://[::1"]
)
def test_addresses_that_are_not_fetched(url: str) -> None:
    with pytest.raises(SourceError):
        contents(url)


def test_a_hostile_repository_runs_nothing(repository: Path, tmp_path: Path) -> None:
    """Programs that a repository's own settings name: hooks, a file system monitor, filters, a remote helper."""
    trap = tmp_path / "trap"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {trap}\ncat\n")
    program.chmod(0o755)
    commit(repository, {".gitattributes": "*.py filter=x diff=x\n"})
    for name in ("post-checkout", "post-index-change", "pre-auto-gc", "reference-transaction"):
        (repository / ".git/hooks" / name).parent.mkdir(exist_ok=True)
        (repository / ".git/hooks" / name).symlink_to(program)
    for key in ("core.fsmonitor", "filter.x.clean", "filter.x.smudge", "filter.x.process", "diff.x.textconv", "core.pager",
                "core.sshCommand", "core.askPass", "credential.helper", "core.alternateRefsCommand", "diff.external"):  # fmt: skip
        git(repository, "config", key, str(program))
    git(repository, "config", "filter.x.required", "true")
    trap.unlink(missing_ok=True)  # git itself ran some of them
    for file in repository.glob("*.py"):
        os.utime(file, (0, 0))  # makes git compare the content, through filters
    assert "a.py" in contents(repository)
    assert contents(repository, "HEAD")["a.py"] == "a = 2\n"
    assert not trap.exists()


def test_variables_of_a_calling_git_are_ignored(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A git hook that calls us sets these; they would lead to its repository."""
    other = make_repository(tmp_path / "other", {"o.py": "o = 1\n"})
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git/index"))
    assert "a.py" in contents(repository)
    assert contents(repository, "v1") == {"a.py": "a = 1\n", "src/b.py": "b = 1\n"}


def test_a_repository_of_another_user_is_read(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    with open_source(str(repository)) as source:
        assert source.revision == git(repository, "-c", "safe.directory=*", "rev-parse", "HEAD")


def test_without_git(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for spec, revision in ((f"file://{repository}", None), (str(repository), "v1")):
        with pytest.raises(SourceError, match="git is not installed"):
            contents(spec, revision)


def test_leftovers_of_a_killed_run_are_removed_by_the_next(repository: Path, cache: Path) -> None:
    program = (
        "import sys, time; from ml.index.sources import open_source\n"
        f"with open_source({str(repository)!r}, revision='v1') as source: print(source.root, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        left = Path(process.stdout.readline().strip())
        contents(repository, "HEAD")
        assert (left / "a.py").exists()  # still running, so its files stay
        process.send_signal(signal.SIGKILL)
    assert (left / "a.py").exists()
    contents(repository, "HEAD")
    assert not left.exists()
    assert not list((cache / "scratch").iterdir())
