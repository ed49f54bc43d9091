"""Hostile files and folders: nothing outside is opened, nothing blocks, everything is counted."""

import ast
import os
import random
import shutil
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import ml.index
from ml.errors import SourceError
from ml.index.build import IndexReport, build_index
from ml.index.sources import Skipped, SourceFile, SourceText, fingerprint, open_source, read
from ml.index.sources.files import parts_inside, read_regular
from ml.index.sources.tree import ignoring
from ml.index.sources.tree.wildcards import read_rule
from ml.index.store import open_store
from rag_service.cli.index import index as command
from rag_service.cli.index import summary
from tests.support.chunks import EMBEDDER
from tests.support.git import git, write_files

OWN_FILES = {"archive.py", "files.py", "scratch.py", "unpacking.py"}  # the user's own files, or this program's
OPENING = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "fdopen"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def walk_source(folder: Path) -> list[SourceFile | Skipped]:
    with open_source(str(folder)) as source:
        return list(source.walk())


def build(folder: Path, tmp_path: Path, workers: int = 1) -> IndexReport:
    store = open_store(str(tmp_path / "store"), EMBEDDER.name, EMBEDDER.dimension)
    return build_index(str(folder), store, EMBEDDER, max_file_bytes=1_000_000, workers=workers)


def test_nothing_else_opens_files_of_a_source() -> None:
    """A file's bytes are read by `files.read_regular` alone; a second place that opens is a second place to get wrong."""
    found = {
        (file.name, node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id)
        for file in (Path(ml.index.__path__[0]) / "sources").glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
    }
    assert {(name, called) for name, called in found if called in OPENING and name not in OWN_FILES} == {
        ("opening.py", "open")  # checks that the user's archive is readable
    }


@pytest.mark.parametrize("name", ["..", "../a", "/a", "a/../b", "a/..", ".", "./a", "a//b", "a/", "", "a\0b"])
def test_names_that_lead_outside(name: str) -> None:
    assert parts_inside(name) is None


@pytest.mark.parametrize("name", ["a", "a/b", "...", "..a/b..", ".a", "a\\..\\b", "~", "$HOME", "a\nb", "\udcff"])
def test_names_that_only_look_odd(name: str) -> None:
    assert parts_inside(name) == name.split("/")


@pytest.mark.parametrize("path", ["a.py", "", "/", "/a/../etc/passwd", "/./etc/passwd", "../a", "/a\0b"])
def test_paths_that_are_not_opened(path: str) -> None:
    with pytest.raises(ValueError, match="null") if "\0" in path else pytest.MonkeyPatch.context():
        assert read_regular(path, 100) in ("unreadable", "special file")


def test_a_folder_that_becomes_a_link_between_listing_and_opening(tmp_path: Path) -> None:
    outside = write_files(tmp_path / "outside", {"a.py": "secret = 1\n", "deep/b.py": "secret = 2\n"})
    tree = write_files(tmp_path / "tree", {"x/a.py": "a = 1\n", "x/deep/b.py": "b = 1\n"})
    files = [file for file in walk_source(tree) if isinstance(file, SourceFile)]
    assert [file.path for file in files] == ["x/a.py", "x/deep/b.py"]
    shutil.rmtree(tree / "x")
    (tree / "x").symlink_to(outside)
    for file in files:
        assert isinstance(read(file, 1_000), Skipped)
        assert fingerprint(file, 1_000) == ""


def test_a_folder_that_becomes_a_link_during_the_walk(tmp_path: Path) -> None:
    outside = write_files(tmp_path / "outside", {"a.py": "secret = 1\n", ".gitignore": "*\n"})
    tree = write_files(tmp_path / "tree", {"a.py": "a = 1\n", "x/a.py": "a = 1\n", "y.py": "y = 1\n"})
    with open_source(str(tree)) as source:
        walk = source.walk()
        assert next(walk) == SourceFile("a.py", str(tree / "a.py"))
        shutil.rmtree(tree / "x")
        (tree / "x").symlink_to(outside)
        rest = [read(file, 1_000) if isinstance(file, SourceFile) else file for file in walk]
    assert [text.path for text in rest if isinstance(text, SourceText)] == ["y.py"]


def test_ignore_files_that_are_links(tmp_path: Path) -> None:
    outside = write_files(tmp_path / "outside", {"rules": "*.py\n"})
    tree = write_files(tmp_path / "tree", {"a.py": "a = 1\n"})
    (tree / ".codeintelignore").symlink_to(outside / "rules")
    (tree / ".gitignore").symlink_to(outside / "rules")
    (tree / ".git").symlink_to(outside)
    assert SourceFile("a.py", str(tree / "a.py")) in walk_source(tree)


SLOW_RULES = [
    ("*a*a*a*a*a*a*a*a*a*a*z", "a" * 60),
    ("*a" * 2_000 + "z", "a" * 255),
    ("?*" * 120 + "z", "a" * 255),
    ("[a-z]*" * 600 + "9", "a" * 255),
    ("**/*a*b/" * 200 + "z", "a/" * 100 + "b"),
    ("/" + "**/*a/" * 500, "a/" * 100 + "b"),
    ("**/" * 1_300 + "z", "a/" * 100 + "b"),
    ("**/*/**/*/**/*/**/*/**/*/**/*!", "a/" * 100 + "b"),
    ("*" + "a" * 127 + "b", "a" * 255),
]


@pytest.mark.parametrize(("line", "name"), SLOW_RULES, ids=lambda text: text[:20])
def test_an_ignore_rule_can_not_be_made_slow(tmp_path: Path, line: str, name: str) -> None:
    rule = read_rule(line)
    started = time.thread_time()
    assert rule is None or not rule.matches(name)
    assert time.thread_time() - started < 0.05
    tree = write_files(tmp_path / "tree", {".codeintelignore": f"{line}\n", name: "x = 1\n"})
    assert [file.path for file in walk_source(tree) if isinstance(file, SourceFile)] == [".codeintelignore", name]


def test_rules_that_take_too_long_together_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignoring, "SECONDS", 0.05)
    monkeypatch.setattr(ignoring, "SECONDS_PER_PATH", 0.0)
    rules = "".join(f"*{'a' * 120}{number}\n" for number in range(7_000))
    tree = write_files(tmp_path / "tree", {".codeintelignore": rules, "a" * 255: "x = 1\n"})
    with pytest.raises(SourceError, match=r"ignore rules .* take too long"):
        walk_source(tree)


def test_odd_ignore_rules_match_as_in_git(tmp_path: Path) -> None:
    """Compare with git's own answer for random rules and paths with brackets, escapes and runs of stars."""
    rng = random.Random(11)
    bits = [
        *(
            "a",
            "foo",
            "*",
            "**",
            "***",
            "*.py",
            "?oo",
            "[ab]",
            "\\[c\\]",
            "d e",
            "[!a]",
            "a*b*c",
            "[a-c]x",
            "[z-a]",
            "[]a]",
        ),
        *(
            "[^]a]",
            "[",
            "a[",
            "\\",
            "[[:alpha:]]",
            "[[:digit:]x]",
            "[[:nope:]]",
            "[a-]",
            "\\*",
            "f\\oo",
            "??",
            "#a",
            "a\\ ",
        ),
    ]
    names = ["a", "b", "foo", "bar.py", "[c]", "d e", "aXbXc", "cx", "a1", "-", "]", "*", "#a", "a ", "\\", "x.py"]
    git(tmp_path, "init", "--quiet")
    for _ in range(120):
        ending = rng.choice(["", "", "/", "  "])
        line = rng.choice(["", "", "/"]) + "/".join(rng.choices(bits, k=rng.randint(1, 4))) + ending
        paths = ["/".join(rng.choices(names, k=rng.randint(1, 4))) for _ in range(40)]
        (tmp_path / ".gitignore").write_text(f"sure\n{line}\n")
        told = git(
            tmp_path, "-c", "core.quotePath=false", "check-ignore", "--no-index", "-v", "-n", "--", "sure", *paths
        ).split("\n")[1:]
        by_git = [answer.startswith(".gitignore:2:") for answer in told]
        rule = read_rule(line)
        assert [rule is not None and _is_hidden(rule.matches, path) for path in paths] == by_git, line


def _is_hidden(matches: object, path: str) -> bool:
    parts = path.split("/")
    assert callable(matches)
    return any(matches("/".join(parts[:end]) + "/") for end in range(1, len(parts))) or bool(matches(path))


ODD = {
    "nul.py": b"a = 1\0\n",
    "utf16.py": "я = 1\n".encode("utf-16"),
    "utf16-half.py": b"\xff\xfea",
    "bom.py": b"\xef\xbb\xbfa = 1\n",
    "two-boms.py": b"\xef\xbb\xbf\xef\xbb\xbfa = 1\n",
    "long-line.py": b"x = '" + b"a" * 300_000 + b"'\n",
    "many-lines.py": b"\n" * 300_000 + b"x = 1\n",
    "carriage.py": b"a = 1\r" * 5_000,
    "controls.py": bytes(range(1, 32)) * 100,
    "bidi.py": "x = '\u202e\u2066'\n".encode(),
    "surrogates.py": b"x = '\xed\xa0\x80'\n",
    "latin.py": b"x = '\xe9\xe8'\n",
    "deep.json": b"[" * 100_000,
    "deep.yaml": b"- " * 50_000,
    "deep.md": b">" * 100_000,
    "blanks.py": b" " * 300_000 + b"x = 1\n",
    "huge.py": b"x = 1\n" * 200_000,
}


def test_odd_contents_are_indexed_or_counted(tmp_path: Path) -> None:
    tree = write_files(tmp_path / "tree", ODD)
    report = build(tree, tmp_path, workers=2)
    assert report.files + sum(report.skipped.values()) == len(ODD)
    assert report.skipped["too long"] == 1
    assert report.skipped["binary"] == 2


def test_names_that_differ_in_case_alone(tmp_path: Path) -> None:
    tree = write_files(tmp_path / "tree", {"a.py": "a = 1\n", "A.py": "a = 2\n", "readme": "x y\n", "README": "z\n"})
    assert [file.path for file in walk_source(tree)] == sorted(path.name for path in tree.iterdir())


def test_a_tree_deeper_than_a_path_may_be_long(tmp_path: Path) -> None:
    """The deep tree is counted, and its siblings are read."""
    tree = write_files(tmp_path / "tree", {"a.py": "a = 1\n"})
    folder = os.open(tree, os.O_RDONLY)
    for _ in range(30):
        os.mkdir("d" * 200, dir_fd=folder)
        below = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = below
    os.close(folder)
    *_, last = walk_source(tree)
    assert walk_source(tree)[0] == SourceFile("a.py", str(tree / "a.py"))
    assert isinstance(last, Skipped)
    assert last.reason == "unreadable"
    shutil.rmtree(tree)


def as_nobody(path: Path) -> SourceError:
    """Return the error of opening a source without root's privileges."""
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.seteuid(65534)
        with pytest.raises(SourceError) as failure, open_source(str(path)):
            pass
    finally:
        if is_root:
            os.seteuid(0)
    return failure.value


def test_an_unreadable_source_is_an_error(tmp_path: Path) -> None:
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    closed = write_files(tmp_path / "closed", {"a.py": "a = 1\n"})
    listed = write_files(tmp_path / "listed", {"a.py": "a = 1\n"})
    archive = tmp_path / "closed.zip"
    archive.write_bytes(b"PK\x03\x04")
    modes = {closed: 0, archive: 0, listed: 0o444, closed / "a.py": 0}
    for path, mode in sorted(modes.items(), reverse=True):
        path.chmod(mode)
    try:
        for path in (closed, archive, listed, closed / "below"):
            assert "may not be read" in as_nobody(path).cause
    finally:
        for path in (closed, listed):
            path.chmod(0o755)


@pytest.mark.parametrize("arguments", [["\udcff"], ["--pinned", "\udcff"], [".", "--revision", "\udcff"], ["a\nb"]])
def test_arguments_that_are_not_utf8_are_a_one_line_error(
    tmp_path: Path, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(write_files(tmp_path / "tree", {"a.py": "a = 1\n"}))
    monkeypatch.setenv("CODEINTEL_STORE", str(tmp_path / "store"))
    failure = CliRunner().invoke(command, arguments).exception
    assert isinstance(failure, SourceError)
    assert "\n" not in str(failure)


def test_a_folder_whose_name_is_not_utf8(tmp_path: Path) -> None:
    tree = write_files(tmp_path / "tree\udcff", {"a.py": "a = 1\n"})
    report = build(tree, tmp_path)
    assert report.repository.name == r"tree\xff"
    assert summary(report)
