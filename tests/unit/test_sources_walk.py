"""Which files of a tree are found, in which order, and why others are not."""

import os
import random
import socket
import stat
from pathlib import Path

import pytest

from ml.index.sources import Skipped, SourceFile, open_source, read
from ml.index.sources.names import printable
from tests.support.git import commit, git, make_repository, write_files


def found_paths(root: Path) -> list[str]:
    with open_source(str(root)) as source:
        return [file.path for file in source.walk() if isinstance(file, SourceFile)]


def skipped(root: Path) -> dict[str, str]:
    """Return path -> reason for everything that is left out, by its name or by its content."""
    with open_source(str(root)) as source:
        seen = [read(file, 10_000) if isinstance(file, SourceFile) else file for file in source.walk()]
    return {file.path: file.reason for file in seen if isinstance(file, Skipped)}


@pytest.fixture(params=["folder", "repository"])
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Return an empty tree: once a plain folder, once a git repository."""
    root = tmp_path / "tree"
    root.mkdir()
    if request.param == "repository":
        git(root, "init", "--quiet")
    return root


def test_files_are_ordered_by_name_folder_by_folder(tree: Path) -> None:
    write_files(tree, dict.fromkeys(("b.py", "a/z.py", "a/b/c.py", "a.py", "Z.py", "a-b/x.py"), "x = 1\n"))
    assert found_paths(tree) == ["Z.py", "a/b/c.py", "a/z.py", "a-b/x.py", "a.py", "b.py"]


def test_an_empty_folder(tree: Path) -> None:
    assert found_paths(tree) == []
    assert skipped(tree) == {}


def test_gitignore_at_every_level(tree: Path) -> None:
    write_files(
        tree,
        {
            ".gitignore": "*.log\n/build/\n!keep.log\ndocs/*\n!docs/api.md\n\\#odd.py\ntrailing.py   \n",
            "a.log": "x",
            "keep.log": "x",
            "build/out.py": "x",
            "src/build/in.py": "x",
            "docs/index.md": "x",
            "docs/api.md": "x",
            "#odd.py": "x",
            "trailing.py": "x",
            "src/.gitignore": "*\n!*/\n!*.py\n!.gitignore\n*_gen.py\r\n",
            "src/a.py": "x",
            "src/a.txt": "x",
            "src/deep/er/b.py": "x",
            "src/deep/b_gen.py": "x",
            "src/deep/.gitignore": "!b_gen.py\n",
        },
    )
    assert found_paths(tree) == [
        ".gitignore", "docs/api.md", "keep.log", "src/.gitignore", "src/a.py", "src/build/in.py", "src/deep/.gitignore",
        "src/deep/b_gen.py",
        "src/deep/er/b.py",
    ]  # fmt: skip
    reasons = skipped(tree)
    assert reasons["a.log"] == reasons["build/"] == "ignored"


def test_own_ignore_file(tree: Path) -> None:
    write_files(tree, {".codeintelignore": "fixtures/\n*.sql\n", "fixtures/a.py": "x", "b.sql": "x", "c.py": "x"})
    write_files(tree, {"d/.codeintelignore": "!b.sql\n", "d/b.sql": "x"})
    assert found_paths(tree) == [".codeintelignore", "c.py", "d/.codeintelignore", "d/b.sql"]
    assert skipped(tree) == {"b.sql": "ignored", "fixtures/": "ignored"}


def test_ignore_rules_are_those_of_git(tmp_path: Path) -> None:
    """Random patterns over random trees: a plain folder is walked as git lists the same tree."""
    rng = random.Random(7)
    names = ["a", "b", "foo", "bar.py", "x.log", "[c]", "d e"]
    bits = ["a", "b", "foo", "*", "**", "*.py", "?oo", "[ab]", "x.*", "bar.py", "\\[c\\]", "d e", "[!a]"]
    for number in range(30):
        plain, repository = tmp_path / f"plain{number}", tmp_path / f"git{number}"
        files = {"/".join(rng.choices(names, k=rng.randint(1, 4))): "x" for _ in range(14)}
        files = {name: text for name, text in files.items() if not any(other.startswith(name + "/") for other in files)}
        for folder in ("", "a/", "foo/"):
            if folder.rstrip("/") not in files:
                patterns = [
                    rng.choice(["", "", "!"]) + rng.choice(["", "", "/"]) + "/".join(rng.choices(bits, k=rng.randint(1, 3)))
                    + rng.choice(["", "", "/"]) for _ in range(rng.randint(1, 5))
                ]  # fmt: skip
                files[folder + ".gitignore"] = "\n".join(patterns) + "\n"
        write_files(plain, files)
        write_files(repository, files)
        git(repository, "init", "--quiet")
        assert found_paths(plain) == found_paths(repository), {
            name: text for name, text in files.items() if "gitignore" in name
        }


def test_a_tracked_file_stays_whatever_gitignore_says(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "repo", {"kept.log": "x"})
    commit(root, {".gitignore": "*.log\n", "other.log": "x"})
    assert found_paths(root) == [".gitignore", "kept.log"]


def test_a_removed_file_that_git_still_knows(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "repo", {"a.py": "x", "b.py": "x"})
    (root / "a.py").unlink()
    assert found_paths(root) == ["b.py"]


def test_an_ignored_folder_is_walked_when_named(tmp_path: Path) -> None:
    package = ".venv/lib/python3.11/site-packages/package"
    root = make_repository(
        tmp_path / "repo", {".gitignore": ".venv/\n", f"{package}/a.py": "x", f"{package}/_vendor/b.py": "x"}
    )
    assert found_paths(root) == [".gitignore"]
    assert found_paths(root / package) == ["a.py"]
    assert skipped(root / package) == {"_vendor/": "vendored"}


def test_submodules_and_repositories_within(tmp_path: Path) -> None:
    inner = make_repository(tmp_path / "inner", {"lib.py": "x", ".gitignore": "*.tmp\n"})
    root = make_repository(tmp_path / "outer", {"main.py": "x"})
    git(root, "submodule", "--quiet", "add", str(inner), "sub")
    make_repository(root / "nested", {"n.py": "x", ".gitignore": "*.tmp\n", "n.tmp": "x"})
    write_files(root, {"sub/new.py": "x", "sub/new.tmp": "x"})
    expected = [
        ".gitmodules",
        "main.py",
        "nested/.gitignore",
        "nested/n.py",
        "sub/.gitignore",
        "sub/lib.py",
        "sub/new.py",
    ]
    assert found_paths(root) == expected
    holder = tmp_path / "holder"
    holder.mkdir()
    root.rename(holder / "outer")
    assert found_paths(holder) == [f"outer/{path}" for path in expected]


def test_a_submodule_that_is_not_checked_out(tmp_path: Path) -> None:
    inner = make_repository(tmp_path / "inner", {"lib.py": "x"})
    root = make_repository(tmp_path / "outer", {"main.py": "x"})
    git(root, "submodule", "--quiet", "add", str(inner), "sub")
    git(root, "commit", "--quiet", "--message=sub")
    git(tmp_path, "clone", "--quiet", str(root), "clone")
    assert found_paths(tmp_path / "clone") == [".gitmodules", "main.py"]


def test_vendored_generated_and_data(tree: Path) -> None:
    write_files(
        tree,
        {
            "node_modules/x/index.js": "x",
            "web/vendor/jquery.js": "x",
            "app/__pycache__/a.pyc": "x",
            "env/pyvenv.cfg": "x",
            "env/lib/a.py": "x",
            "target/CACHEDIR.TAG": "x",
            "target/a.rs": "x",
            "package-lock.json": "{}",
            "Cargo.lock": "x",
            "api_pb2.py": "x = 1\n",
            "api.pb.go": "package api\n",
            "lib.min.js": "x",
            "table.csv": "a,b\n",
            "logo.svg": "<svg/>",
            "photo.PNG": "x",
            "study.ipynb": "{}",
            "vendors.py": "x = 1\n",
            "generated.py": "x = 1\n",
        },
    )
    assert skipped(tree) == {
        "Cargo.lock": "generated",
        "api.pb.go": "generated",
        "api_pb2.py": "generated",
        "app/__pycache__/": "vendored",
        "env/": "vendored",
        "lib.min.js": "minified",
        "logo.svg": "data",
        "node_modules/": "vendored",
        "package-lock.json": "generated",
        "photo.PNG": "binary",
        "study.ipynb": "notebook",
        "table.csv": "data",
        "target/": "vendored",
        "web/vendor/": "vendored",
    }
    assert found_paths(tree) == ["generated.py", "vendors.py"]


def test_links_never_lead_outside_and_nothing_is_found_twice(tree: Path) -> None:
    outside = write_files(tree.parent / "outside", {"secret.py": "x = 1\n"})
    write_files(tree, {"src/a.py": "x = 1\n"})
    for name, target in {
        "again.py": "src/a.py",
        "folder": "src",
        "up": "..",
        "out.py": str(outside / "secret.py"),
        "out": str(outside),
        "src/loop": ".",
        "self": "self",
        "gone.py": "nowhere.py",
    }.items():
        (tree / name).symlink_to(target)
    assert found_paths(tree) == ["src/a.py"]
    assert skipped(tree) == {
        "again.py": "link",
        "folder": "link",
        "gone.py": "link outside",
        "out": "link outside",
        "out.py": "link outside",
        "self": "link",
        "src/loop": "link",
        "up": "link outside",
    }


def test_a_link_in_place_of_a_tracked_folder(tmp_path: Path) -> None:
    outside = write_files(tmp_path / "outside", {"a.py": "secret = 1\n"})
    root = make_repository(tmp_path / "repo", {"src/a.py": "x = 1\n"})
    (root / "src/a.py").unlink()
    (root / "src").rmdir()
    (root / "src").symlink_to(outside)
    assert found_paths(root) == []
    assert skipped(root) == {"src": "link outside"}


def test_a_file_that_became_a_link_after_the_walk_is_not_followed(tree: Path) -> None:
    write_files(tree, {"a.py": "x = 1\n"})
    with open_source(str(tree)) as source:
        (file,) = source.walk()
        assert isinstance(file, SourceFile)
        (tree / "a.py").unlink()
        (tree / "a.py").symlink_to("/etc/passwd")
        assert read(file, 10_000) == Skipped("a.py", "link")


def test_special_files_do_not_hang(tree: Path) -> None:
    os.mkfifo(tree / "pipe.py")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tree / "socket.py"))
        with open_source(str(tree)) as source:
            walked = list(source.walk())
    # git does not list what it can't store
    assert all(isinstance(entry, Skipped) and entry.reason == "special file" for entry in walked)
    assert read(SourceFile("pipe.py", str(tree / "pipe.py")), 10_000) == Skipped("pipe.py", "special file")
    assert read(SourceFile("socket.py", str(tree / "socket.py")), 10_000) == Skipped("socket.py", "special file")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_files(tree: Path) -> None:
    write_files(tree, {"a.py": "x = 1\n", "closed/b.py": "x = 1\n"})
    (tree / "a.py").chmod(0)
    (tree / "closed").chmod(0)
    try:
        assert set(skipped(tree).values()) == {"unreadable"}
    finally:
        (tree / "closed").chmod(stat.S_IRWXU)


def test_names_of_any_bytes(tree: Path) -> None:
    names = [b"caf\xe9.py", b"caf\\xe9.py", "café.py".encode(), "cafe\u0301.py".encode(), b"new\nline.py", b"tab\t.py", b" .py",
             "\u202egnp.py".encode(), "файл.py".encode(), b"\xff\xfe/a.py", b"-rf.py", b"a:1.py", b"\xed\xa0\x80.py"]  # fmt: skip
    for name in names:
        write_files(tree, {os.fsdecode(name): f"name = {name!r}\n"})
    with open_source(str(tree)) as source:
        files = [entry for entry in source.walk() if isinstance(entry, SourceFile)]
    assert len({file.path for file in files}) == len(names)
    assert all(file.path.isprintable() for file in files)
    texts = {getattr(read(file, 10_000), "text", None) for file in files}
    assert texts == {f"name = {name!r}\n" for name in names}
    assert r"caf\xe9.py" in {file.path for file in files}
    assert r"caf\\xe9.py" in {file.path for file in files}


def test_printable_names_differ_where_names_do() -> None:
    names = [
        "a\\x0a",
        "a\n",
        "a\\",
        "a\\\\",
        os.fsdecode(b"a\x80"),
        "a\x80",
        "a\u0080",
        "a\U000e0001",
        "a\\x80",
        "a\u2028",
    ]
    assert len({printable(name) for name in names}) == len(set(names))
    assert printable("src/main.py") == "src/main.py"


def test_a_very_deep_tree(tmp_path: Path) -> None:
    root = tmp_path / "deep"
    write_files(root, {"d/" * 400 + "a.py": "x = 1\n"})
    assert found_paths(root) == ["d/" * 400 + "a.py"]


def test_without_git_a_repository_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_repository(tmp_path / "repo", {"a.py": "x", ".gitignore": "*.log\n"})
    write_files(root, {"a.log": "x", ".git/info/exclude": "b.py\n", "b.py": "x"})
    monkeypatch.setenv("PATH", str(tmp_path))
    assert found_paths(root) == [".gitignore", "a.py"]
    with open_source(str(root)) as source:
        assert source.revision == "tree"


def test_a_damaged_repository_is_a_folder(tmp_path: Path) -> None:
    root = make_repository(tmp_path / "repo", {"a.py": "x"})
    (root / ".git/index").write_bytes(b"nonsense")
    assert found_paths(root) == ["a.py"]
    (root / ".git/HEAD").unlink()
    assert found_paths(root) == ["a.py"]
