"""Archives: sdists and wheels are read; hostile archives do no harm."""

import bz2
import io
import os
import random
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from ml.errors import SourceError
from ml.index.sources import Skipped, SourceFile, SourceText, open_source, read
from ml.index.sources.archives import archive as archives

FILES = {
    "shop-1.2.0/PKG-INFO": "Name: shop\n",
    "shop-1.2.0/shop/main.py": "def main(): ...\n",
    "shop-1.2.0/.git/config": "x",
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/codeintel"


def make_tar(path: Path, files: dict[str, str], *members: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
        for member in members:
            archive.addfile(member)
    return path


def make_zip(path: Path, files: dict[str, str], **modes: int) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            info = zipfile.ZipInfo(name)
            info.compress_type = zipfile.ZIP_DEFLATED
            info.external_attr = modes.get(name, stat.S_IFREG | 0o644) << 16
            archive.writestr(info, text)
    return path


def contents(path: Path) -> dict[str, str]:
    with open_source(str(path)) as source:
        texts = [read(file, 10_000) for file in source.walk() if isinstance(file, SourceFile)]
    return {text.path: text.text for text in texts if isinstance(text, SourceText)}


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("shop-1.2.0.tar.gz", lambda path: make_tar(path, FILES)),
        ("shop-1.2.0.tgz", lambda path: make_tar(path, FILES)),
        ("shop-1.2.0.tar", lambda path: make_tar(path, FILES, mode="w")),
        ("shop-1.2.0.tar.bz2", lambda path: make_tar(path, FILES, mode="w:bz2")),
        ("shop-1.2.0.tar.xz", lambda path: make_tar(path, FILES, mode="w:xz")),
        ("shop-1.2.0.zip", lambda path: make_zip(path, FILES)),
    ],
)
def test_an_archive_with_one_folder_at_the_top(tmp_path: Path, name: str, make: Callable[[Path], Path]) -> None:
    path = make(tmp_path / name)
    with open_source(str(path)) as source:
        assert (source.name, source.origin, source.revision) == ("shop", str(path), "1.2.0")
        root = source.root
    assert not root.exists()
    assert contents(path) == {"PKG-INFO": "Name: shop\n", "shop/main.py": "def main(): ...\n"}


@pytest.mark.parametrize(
    ("file", "name", "revision"),
    [
        ("shop_api-1.2.0rc1-py3-none-any.whl", "shop_api", "1.2.0rc1"),
        ("shop-main.zip", "shop-main", "tree"),
        ("python-dateutil-2.9.0.post0.tar.gz", "python-dateutil", "2.9.0.post0"),
        ("shop.zip", "shop", "tree"),
    ],
)
def test_name_and_version(tmp_path: Path, file: str, name: str, revision: str) -> None:
    with open_source(str(make_zip(tmp_path / file, {"a.py": "x", "b.py": "x"}))) as source:
        assert (source.name, source.revision) == (name, revision)


def test_a_revision_of_an_archive_is_an_error(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.py": "x"})
    with pytest.raises(SourceError, match="no revisions"), open_source(str(path), revision="v1"):
        pass


@pytest.mark.parametrize("name", ["../outside.py", "/tmp/outside.py", "a/../../outside.py", "..", "a\0b/../../c"])
def test_a_name_that_leads_outside(tmp_path: Path, name: str, cache: Path) -> None:
    hostile = [make_tar(tmp_path / "a.tar.gz", {"a.py": "x", name: "x"})] if "\0" not in name else []
    for path in (*hostile, make_zip(tmp_path / "a.zip", {"a.py": "x", name: "x"})):
        if "\0" in name:  # zipfile cuts it off there
            assert contents(path).keys() <= {"a", "a.py"}
            continue
        with pytest.raises(SourceError, match="outside"):
            contents(path)
    assert not list(tmp_path.rglob("outside.py"))
    assert not list((cache / "scratch").iterdir())


def test_links_lead_nowhere(tmp_path: Path) -> None:
    """A link, and a file to be written through it."""
    link = tarfile.TarInfo("away")
    link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
    hard = tarfile.TarInfo("passwd")
    hard.type, hard.linkname = tarfile.LNKTYPE, "/etc/passwd"
    device = tarfile.TarInfo("device")
    device.type = tarfile.CHRTYPE
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(link)
        archive.addfile(tarfile.TarInfo("other.py"))
        through = tarfile.TarInfo("away/written.py")
        through.size = 1
        archive.addfile(through, io.BytesIO(b"x"))
        archive.addfile(hard)
        archive.addfile(device)
    assert contents(path) == {"away/written.py": "x"}
    assert not (tmp_path / "written.py").exists()
    zipped = make_zip(tmp_path / "a.zip", {"out": "/etc/passwd", "a.py": "x"}, out=stat.S_IFLNK | 0o777)
    with open_source(str(zipped)) as source:
        assert Skipped("out", "link outside") in list(source.walk())


def test_bombs(tmp_path: Path) -> None:
    """An archive that unpacks to a hundred times its size is stopped before it fills the disk."""
    zeros = "\0" * 80_000_000
    for path in (make_zip(tmp_path / "a.zip", {"a": zeros}), make_tar(tmp_path / "a.tgz", {"a": zeros})):
        with pytest.raises(SourceError, match="far more than a code base"):
            contents(path)


def test_a_bomb_in_a_header(tmp_path: Path) -> None:
    """A name of 70 MB, which tarfile would read as a whole."""
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 70_000_000
    path = tmp_path / "a.tar.bz2"
    path.write_bytes(bz2.compress(header.tobuf(tarfile.USTAR_FORMAT) + b"\0" * header.size))
    with pytest.raises(SourceError, match="far more than a code base"):
        contents(path)


def test_a_sparse_file_of_terabytes(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.py")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(2**42)}
    info.size = 512
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(info, io.BytesIO(b"0\n".ljust(512, b"\0")))
    with pytest.raises(SourceError):
        contents(path)


def test_too_many_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ml.index.sources.archives.unpacking.MAX_FILES", 10)
    with pytest.raises(SourceError, match="far more"):
        contents(make_zip(tmp_path / "a.zip", {f"{number}.py": "x" for number in range(11)}))
    with pytest.raises(SourceError, match="far more"):
        contents(make_zip(tmp_path / "b.zip", {"d/" * 2000 + "a.py": "x"}))


@pytest.mark.parametrize("kind", ["tar.gz", "tar.bz2", "tar.xz", "zip"])
def test_damaged_archives(tmp_path: Path, kind: str) -> None:
    noise = random.Random(1).randbytes(20_000).hex()
    whole = tmp_path / f"a.{kind}"
    if kind == "zip":
        make_zip(whole, {"a.py": noise, "b.py": noise})
    else:
        make_tar(whole, {"a.py": noise, "b.py": noise}, mode=f"w:{kind[4:]}")
    data = bytearray(whole.read_bytes())
    data[len(data) // 2] ^= 0xFF
    whole.write_bytes(data)
    with pytest.raises(SourceError, match="damaged"):
        contents(whole)
    whole.write_bytes(data[: len(data) // 2])
    with pytest.raises(SourceError, match=r"damaged|not a folder, git repository or archive"):
        contents(whole)


def test_an_encrypted_archive(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "a.zip", {"a.py": "x"})
    data = bytearray(path.read_bytes())
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(magic) + offset] |= 1  # says that it is encrypted
    path.write_bytes(data)
    with pytest.raises(SourceError, match="encrypted"):
        contents(path)


def test_a_name_that_the_file_system_rejects(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="File name too long"):
        contents(make_zip(tmp_path / "a.zip", {"x" * 300: "x"}))
    with pytest.raises(SourceError, match="can't be unpacked"):
        contents(make_zip(tmp_path / "b.zip", {"a": "x", "a/b": "x"}))


def test_compressed_files_that_are_not_archives(tmp_path: Path) -> None:
    path = tmp_path / "a.bz2"
    path.write_bytes(bz2.compress(b"text"))
    assert archives.is_archive(path)
    with pytest.raises(SourceError, match="damaged"):
        contents(path)


def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.py")
    assert contents(make_tar(tmp_path / "a.tar.gz", {name: "x", "b.py": "x"})) == {r"caf\xe9.py": "x", "b.py": "x"}
