"""Hostile git repositories: none leads out of its tree, runs a program or blocks the run."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ml.dataset.history import git_folder
from ml.errors import SourceError
from ml.index.sources import Skipped, SourceFile, open_source
from ml.index.store.base import Repository
from tests.support.git import commit, git, make_repository, write_files


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """Return another repository on the machine, whose files nobody asked for."""
    return make_repository(tmp_path / "victim", {"secret.py": "SECRET = 1\n"})


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a repository copied from elsewhere, git data included."""
    return make_repository(tmp_path / "copied", {"a.py": "a = 1\n"})


def walk_source(folder: Path, revision: str | None = None, **options: object) -> tuple[str, list[str], list[Skipped]]:
    """Return the revision, the paths of the files and what was skipped."""
    with open_source(str(folder), revision=revision, **options) as source:  # type: ignore[arg-type]
        found = list(source.walk())
    files = [one.path for one in found if isinstance(one, SourceFile)]
    return source.revision, files, [one for one in found if isinstance(one, Skipped)]


def poison_index(repository: Path, path: str) -> None:
    """Put a name that git itself would reject into the index, by overwriting one of the same length."""
    harmless = "x" * len(path)
    blob = git(repository, "rev-parse", "HEAD:a.py")
    git(repository, "update-index", "--add", "--cacheinfo", f"100644,{blob},{harmless}")
    index = repository / ".git/index"
    data = index.read_bytes().replace(harmless.encode(), path.encode())
    index.write_bytes(data[:-20] + b"\0" * 20)  # a checksum of zeros is not verified
    git(repository, "config", "index.skipHash", "true")


@pytest.mark.parametrize(
    "path", ["../secret.py", "/etc/passwd", "./a.py", "a//b.py", "a/../../victim/secret.py", "..", "a/./b.py", "b/.."]
)
def test_a_name_in_the_index_that_leads_elsewhere(copied: Path, path: str) -> None:
    write_files(copied.parent, {"secret.py": "SECRET = 1\n"})
    poison_index(copied, path)
    _, files, skipped = walk_source(copied)
    assert files == ["a.py"]
    assert skipped in ([Skipped(path, "outside")], [])  # some versions of git reject the whole index


def test_a_name_that_leads_elsewhere_is_counted(copied: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is counted whatever git lists: its own checks of an index differ between versions."""
    write_files(copied.parent, {"secret.py": "SECRET = 1\n"})
    monkeypatch.setattr(
        "ml.index.sources.tree.walking.list_files", lambda folder: ["../secret.py", "a.py", "/etc/passwd"]
    )
    _, files, skipped = walk_source(copied)
    assert files == ["a.py"]
    assert skipped == [Skipped("../secret.py", "outside"), Skipped("/etc/passwd", "outside")]


def by_git_file(copied: Path, victim: Path) -> None:
    shutil.rmtree(copied / ".git")
    (copied / ".git").write_text(f"gitdir: {victim}/.git\n")


def by_link(copied: Path, victim: Path) -> None:
    shutil.rmtree(copied / ".git")
    (copied / ".git").symlink_to(victim / ".git")


def by_commondir(copied: Path, victim: Path) -> None:
    (copied / ".git/commondir").write_text(f"{victim}/.git\n")


def by_alternates(copied: Path, victim: Path) -> None:
    write_files(copied, {".git/objects/info/alternates": f"# a comment\n{victim}/.git/objects\n"})


def by_many_alternates(copied: Path, victim: Path) -> None:
    write_files(copied, {".git/objects/info/alternates": "# a comment\n" * 1000 + f"{victim}/.git/objects\n"})


def by_alternates_within(copied: Path, victim: Path) -> None:
    write_files(
        copied, {".git/other/info/alternates": f"{victim}/.git/objects\n", ".git/objects/info/alternates": "../other\n"}
    )


def by_linked_objects(copied: Path, victim: Path) -> None:
    shutil.rmtree(copied / ".git/objects")
    (copied / ".git/objects").symlink_to(victim / ".git/objects")


def by_a_linked_object(copied: Path, victim: Path) -> None:
    head = git(victim, "rev-parse", "HEAD")
    (copied / ".git/objects" / head[:2]).mkdir(exist_ok=True)
    (copied / ".git/objects" / head[:2] / head[2:]).symlink_to(victim / ".git/objects" / head[:2] / head[2:])


def by_worktree_setting(copied: Path, victim: Path) -> None:
    git(copied, "config", "core.worktree", "/")


def by_a_worktree_of_the_victim(copied: Path, victim: Path) -> None:
    git(victim, "worktree", "add", "--quiet", "-b", "side", str(victim.parent / "side"))
    shutil.rmtree(copied / ".git")
    shutil.copy(victim.parent / "side/.git", copied / ".git")


LURES = [
    by_git_file,
    by_link,
    by_commondir,
    by_alternates,
    by_many_alternates,
    by_alternates_within,
    by_linked_objects,
    by_a_linked_object,
    by_worktree_setting,
    by_a_worktree_of_the_victim,
]


@pytest.mark.parametrize("lure", LURES)
def test_git_data_elsewhere_is_not_used(copied: Path, victim: Path, lure: Callable[[Path, Path], None]) -> None:
    lure(copied, victim)
    assert walk_source(copied) == ("tree", ["a.py"], [Skipped(".git", "outside")])
    for revision in ("HEAD", git(victim, "rev-parse", "HEAD")):
        with pytest.raises(SourceError, match=r"not its own: .*--git-folder"):
            walk_source(copied, revision)
    holder = copied.parent / "holder"
    holder.mkdir()
    copied.rename(holder / "within")
    assert walk_source(holder) == ("tree", ["within/a.py"], [Skipped("within/.git", "outside")])


def test_git_data_elsewhere_is_not_asked_about_lines(copied: Path, victim: Path) -> None:
    head = git(victim, "rev-parse", "HEAD")
    assert git_folder(Repository("copied", str(copied), head)) == copied
    by_git_file(copied, victim)
    assert git_folder(Repository("copied", str(copied), head)) is None


def test_git_data_elsewhere_is_used_if_the_user_allows_it(copied: Path, victim: Path) -> None:
    head = git(victim, "rev-parse", "HEAD")
    by_alternates(copied, victim)
    assert walk_source(copied, head, git_folders=[victim])[1] == ["secret.py"]
    (copied / ".git/objects/info/alternates").unlink()
    by_git_file(copied, victim)
    assert walk_source(copied, git_folders=[victim])[:2] == (f"{head}-dirty", ["a.py"])
    assert walk_source(copied, "HEAD", git_folders=[victim / ".git"])[1] == ["secret.py"]
    with pytest.raises(SourceError, match="not its own"):
        walk_source(copied, "HEAD", git_folders=[victim.parent / "elsewhere"])


def test_what_git_itself_puts_elsewhere_needs_no_option(copied: Path, victim: Path) -> None:
    git(copied, "worktree", "add", "--quiet", "-b", "side", str(copied.parent / "side"))
    git(copied, "submodule", "--quiet", "add", str(victim), "sub")
    git(copied, "commit", "--quiet", "--message=sub")
    for revision in (None, "HEAD"):
        assert walk_source(copied.parent / "side", revision)[1] == ["a.py"]
        assert walk_source(copied / "sub", revision)[1] == ["secret.py"]
    assert walk_source(copied)[1] == [".gitmodules", "a.py", "sub/secret.py"]


def test_a_bare_repository_that_borrows(victim: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", "--bare", str(victim), "bare.git")
    other = make_repository(tmp_path / "other", {"o.py": "o = 1\n"})
    (tmp_path / "bare.git/commondir").write_text(f"{other}/.git\n")
    with pytest.raises(SourceError, match="not its own"):
        walk_source(tmp_path / "bare.git")


@pytest.mark.parametrize("is_tracked", [False, True])
def test_a_bare_repository_within_a_tree_is_data(copied: Path, victim: Path, is_tracked: bool) -> None:
    git(victim.parent, "clone", "--quiet", "--bare", str(victim), "copied/x.git")
    if is_tracked:
        commit(copied, {})
    assert walk_source(copied)[1:] == (["a.py"], [Skipped("x.git/", "bare repository")])
    shutil.rmtree(copied / ".git")
    assert walk_source(copied)[1:] == (["a.py"], [Skipped("x.git/", "bare repository")])


def test_git_data_in_another_case(tmp_path: Path) -> None:
    """On a case-insensitive disk this is git's own folder."""
    write_files(tmp_path / "tree", {".GIT/config": "[remote]\n", "a.py": "a = 1\n"})
    assert walk_source(tmp_path / "tree")[1] == ["a.py"]


@pytest.mark.parametrize(
    "place",
    [".gitignore", ".git/info/exclude", ".git/config", ".git/HEAD", ".git/index", ".git/packed-refs", ".gitattributes"],
)
def test_a_fifo_among_what_git_reads(copied: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.index.sources.git.process.LOCAL_SECONDS", 0.5)
    (copied / place).unlink(missing_ok=True)
    (copied / place).parent.mkdir(exist_ok=True)
    os.mkfifo(copied / place)
    assert walk_source(copied)[1] == ["a.py"]


@pytest.mark.parametrize(
    "setting", ["include.path", "core.excludesFile", "core.attributesFile", "includeIf.gitdir:/.path"]
)
@pytest.mark.parametrize("target", ["/dev/zero", "/etc/passwd", "fifo", "~/nowhere"])
def test_settings_that_name_other_files(
    copied: Path, setting: str, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ml.index.sources.git.process.LOCAL_SECONDS", 1.0)
    os.mkfifo(copied / ".git/fifo")
    target = str(copied / ".git/fifo") if target == "fifo" else target
    section, _, key = setting.rpartition(".")
    section, _, subsection = section.partition(".")
    header = f'[{section} "{subsection}"]' if subsection else f"[{section}]"
    with (copied / ".git/config").open("a") as config:
        config.write(f"{header}\n\t{key} = {target}\n")
    assert walk_source(copied)[1] == ["a.py"]


def test_replace_refs_and_grafts(copied: Path) -> None:
    """A repository's replacements for a commit are shown as git shows them: nothing comes from elsewhere."""
    first = git(copied, "rev-parse", "HEAD")
    commit(copied, {"b.py": "b = 1\n"})
    git(copied, "replace", first, git(copied, "commit-tree", "-m", "other", git(copied, "rev-parse", "HEAD^{tree}")))
    write_files(copied, {".git/info/grafts": f"{first} {'0' * 40}\n"})
    assert set(walk_source(copied, first)[1]) <= {"a.py", "b.py"}


def test_a_submodule_with_an_odd_url_is_not_fetched(copied: Path) -> None:
    trap = copied.parent / "trap"
    url = f"ext::sh -c 'touch {trap}'"
    write_files(copied, {".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = {url}\n\tupdate = !touch {trap}\n'})
    git(copied, "config", "submodule.x.url", url)
    git(copied, "update-index", "--add", "--cacheinfo", f"160000,{git(copied, 'rev-parse', 'HEAD')},x")
    git(copied, "add", ".gitmodules")
    git(copied, "commit", "--quiet", "--message=x")
    for revision in (None, "HEAD"):
        assert walk_source(copied, revision)[1] == [".gitmodules", "a.py"]
    assert not trap.exists()


ODD_REVISIONS = [
    *(
        "@{",
        "@{-1}",
        "@{u}",
        "@{99999999}",
        "a\nb",
        "\udcff",
        "\ud800",
        "v1^{/(((((}",
        ":x",
        "^HEAD",
        "HEAD..HEAD",
        "..",
    ),
    *("HEAD~99999999999999999999", "HEAD^99999999999", "refs/heads/../x", "  ", "$(touch x)", "\x1b[31m", "--output=x"),
    *(
        "x" * 900,
        "x" * 200_000,
        "HEAD\0",
        "@{" * 400,
        "HEAD^{commit}^{tree}",
        "HEAD:",
        "HEAD:a.py",
        "*",
        "[a-z]*",
        "\\",
    ),
]


@pytest.mark.parametrize("revision", ODD_REVISIONS, ids=lambda revision: ascii(revision[:20]))
def test_odd_revisions(copied: Path, revision: str) -> None:
    for spec in (str(copied), f"file://{copied}"):
        with pytest.raises(SourceError) as failure, open_source(spec, revision=revision):
            pass
        message = str(failure.value)
        assert len(message) < 1_000
        assert message.isprintable()


ODD_URLS = [
    *(
        "\udcff",
        "x\udcff",
        "file:///\udcff",
        "https://\udcff/",
        "git@\udcff:x",
        "a" * 300,
        "https://[::1",
        "https://a b/",
        "\n",
    ),
    *(
        "file://" + "x" * 200_000,
        "~\udcff/",
        "https://x:\n@y/",
        "-c core.pager=x",
        "--",
        "file://",
        "ssh://-oProxyCommand=x/y",
    ),
    *(
        "ext::x",
        "fd::3",
        "file:///dev/zero",
        "file:///etc/passwd",
        "git://\0/",
        "http://127.0.0.1:1/x",
        "transport::x://y",
    ),
]


@pytest.mark.parametrize("url", ODD_URLS, ids=lambda url: ascii(url[:20]))
def test_odd_urls(url: str) -> None:
    with pytest.raises(SourceError) as failure, open_source(url):
        pass
    assert len(str(failure.value)) < 1_000
    assert str(failure.value).isprintable()
