"""Hostile archives: what cannot be unpacked within bounds is one error, and nothing is written outside."""

import io
import random
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ml.errors import SourceError
from ml.index.sources import Skipped, SourceFile, SourceText, open_source, read

TEXT = "def main():\n    return 1\n"
KINDS = ("tar", "tar.gz", "tar.bz2", "tar.xz", "zip")
MUTATIONS = 60


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/codeintel"


def tar(path: Path, *members: tuple[tarfile.TarInfo, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def texts(path: Path) -> dict[str, str]:
    with open_source(str(path)) as source:
        found = [read(file, 100_000) for file in source.walk() if isinstance(file, SourceFile)]
    return {text.path: text.text for text in found if isinstance(text, SourceText)}


def outside(tmp_path: Path) -> set[str]:
    return {path.name for path in tmp_path.iterdir()} - {"cache", "archives"}


def pack_archive(folder: Path, kind: str) -> bytes:
    """Return a valid archive: two files, a link and a folder."""
    path = folder / f"whole.{kind}"
    if kind == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("shop/a.py", TEXT * 20)
            archive.writestr("shop/b.py", TEXT)
            link = zipfile.ZipInfo("shop/link.py")
            link.external_attr = (stat.S_IFLNK | 0o777) << 16
            archive.writestr(link, "a.py")
        return path.read_bytes()
    members = [
        (member("shop/a.py"), TEXT.encode() * 20),
        (member("shop/b.py"), TEXT.encode()),
        (member("shop/link.py", tarfile.SYMTYPE, "a.py"), b""),
    ]
    return tar(path, *members, mode=f"w:{kind[4:]}" if "." in kind else "w").read_bytes()


def mutated(data: bytes, seed: int) -> Iterator[bytes]:
    rng = random.Random(seed)
    for _ in range(MUTATIONS):
        changed = bytearray(data)
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(changed))
            match rng.randrange(4):
                case 0:
                    changed[at] = rng.randrange(256)
                case 1:
                    del changed[at : at + rng.randint(1, 64)]
                case 2:
                    changed[at:at] = rng.randbytes(rng.randint(1, 64))
                case _:
                    changed[at : at + 8] = rng.choice([b"\xff" * 8, b"\0" * 8, b"../../..", b"/etc/pas"])
            changed = changed or bytearray(b"\0")
        yield bytes(changed)


@pytest.mark.parametrize("kind", KINDS)
def test_mutated_archives(tmp_path: Path, kind: str, cache: Path) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    for number, data in enumerate(mutated(pack_archive(folder, kind), seed=len(kind))):
        path = folder / f"{number}.{kind}"
        path.write_bytes(data)
        try:
            assert all(len(text) < 100_000 for text in texts(path).values())
        except SourceError as error:
            assert str(error).isprintable()  # noqa: PT017  # either outcome is right, any other is not
    assert outside(tmp_path) == set()
    assert not list((cache / "scratch").iterdir())


def test_one_name_for_several_files(tmp_path: Path) -> None:
    """The last one counts, whatever was there before: file, link and folder."""
    first, last = b"x = 1\n", b"x = 2\n"
    path = tar(tmp_path / "a.tar", (member("a.py"), first), (member("a.py"), last), (member("b.py"), first))
    assert texts(path) == {"a.py": "x = 2\n", "b.py": "x = 1\n"}
    path = tar(tmp_path / "b.tar", (member("a.py", tarfile.SYMTYPE, "/etc/passwd"), b""), (member("a.py"), last))
    assert texts(path) == {"a.py": "x = 2\n"}
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("a.py", first)
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.py", last)
    assert texts(tmp_path / "c.zip") == {"a.py": "x = 2\n"}


def test_a_link_to_a_link_is_not_written_through(tmp_path: Path) -> None:
    members = [
        (member("one", tarfile.SYMTYPE, ".."), b""),
        (member("two", tarfile.SYMTYPE, "one/.."), b""),
        (member("two/escaped.py"), b"x = 1\n"),
    ]
    path = tar(tmp_path / "a.tar", *members)
    with open_source(str(path)) as source:
        found = list(source.walk())
    assert Skipped("one", "link outside") in found
    assert not list(tmp_path.rglob("cache/../escaped.py"))
    assert outside(tmp_path) == {"a.tar"}


@pytest.mark.parametrize("kind", [tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.LNKTYPE, b"Z"])
def test_special_files_are_left_out(tmp_path: Path, kind: bytes) -> None:
    path = tar(tmp_path / "a.tar", (member("odd.py", kind, "/etc/passwd"), b""), (member("a.py"), b"x = 1\n"))
    assert {name: text for name, text in texts(path).items() if name != "odd.py"} == {"a.py": "x = 1\n"}
    assert texts(path).get("odd.py", "") == ""


def test_an_archive_within_is_not_unpacked(tmp_path: Path) -> None:
    inner = io.BytesIO()
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("secret.py", TEXT)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("inner.zip", inner.getvalue())
        archive.writestr("a.py", TEXT)
    assert texts(tmp_path / "a.zip") == {"a.py": TEXT}


def test_a_bomb_of_many_small_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.index.sources.archives.unpacking.MAX_FILES", 100)
    path = tar(tmp_path / "a.tar.gz", *((member(f"{number}.py"), b"") for number in range(101)), mode="w:gz")
    with pytest.raises(SourceError, match="far more than a code base"):
        texts(path)


def test_overlapping_zip_members(tmp_path: Path) -> None:
    """A bomb without nesting: every directory entry refers to the same compressed bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", "\0" * 5_000_000)
    data = buffer.getvalue()
    start = data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    entry = data[start:end]
    tail = bytearray(data[end:])
    tail[8:12] = (200).to_bytes(2, "little") * 2
    tail[12:16] = (len(entry) * 200).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(data[:start] + entry * 200 + bytes(tail))
    with pytest.raises(SourceError):
        texts(tmp_path / "a.zip")


@pytest.mark.parametrize(
    "name", ["a\nb.py", "\x1b]0;x\x07.py", "\u202ey.py", "con.py", "a\\..\\b.py", "-rf.py", " .py", "~.py"]
)
def test_names_that_only_look_odd(tmp_path: Path, name: str) -> None:
    path = tar(tmp_path / "a.tar", (member(name), TEXT.encode()), (member("b.py"), TEXT.encode()))
    found = texts(path)
    assert len(found) == 2
    assert all(one.isprintable() for one in found)
