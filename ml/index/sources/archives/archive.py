"""Unpack archives: sdists, wheels, .zip, and .tar with any compression."""

import bz2
import gzip
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from ml.errors import SourceError
from ml.index.sources.archives.unpacking import Unpacker, decompression_bomb
from ml.index.sources.names import shown

BLOCK = 1024 * 1024
COMPRESSED: dict[bytes, Callable[[Path], object]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError)


class _Limited:
    """A stream that raises SourceError when an archive decompresses to more than its size can justify."""

    def __init__(self, stream: IO[bytes], max_bytes: int) -> None:
        self._stream = stream
        self._left = max_bytes

    def read(self, size: int) -> bytes:
        block = self._stream.read(size)
        self._left -= len(block)
        if self._left < 0:
            raise decompression_bomb()
        return block


def is_archive(path: Path) -> bool:
    """Return whether a file is an archive that `unpack` reads."""
    return _is_tar(path) or zipfile.is_zipfile(path)


def unpack(archive: Path, target: Path) -> Path:
    """Unpack an archive into `target` and return the folder to index: the only top-level folder, or `target`.

    Raise SourceError if a name leads outside, if the archive is damaged, and if it unpacks to over 1 GiB, or to over
    64 MiB and a hundred times its own size.
    """
    max_bytes = min(1024**3, 64 * 1024**2 + 100 * archive.stat().st_size)
    unpacker = Unpacker(target, max_bytes)
    try:
        if _is_tar(archive):
            _untar(archive, unpacker, max_bytes)
        else:
            _unzip(archive, unpacker)
    except BROKEN as error:
        raise SourceError(
            f"{shown(str(archive))} is damaged or encrypted ({shown(str(error))})",
            "download it again, or unpack it by hand",
        ) from error
    except OSError as error:
        raise SourceError(
            f"{shown(str(archive))} can't be unpacked ({error.strerror or error})", "unpack it by hand"
        ) from error
    except SourceError as error:
        raise SourceError(f"{shown(str(archive))}: {error.cause}", error.cure) from error
    unpacker.finish()
    top = list(target.iterdir())
    return top[0] if len(top) == 1 and top[0].is_dir() and not top[0].is_symlink() else target


def _is_tar(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(TAR_MAGIC_AT + len(TAR_MAGIC))
    return start.endswith(TAR_MAGIC) or start.startswith(tuple(COMPRESSED))


def _untar(archive: Path, unpacker: Unpacker, max_bytes: int) -> None:
    with archive.open("rb") as file:
        start = file.read(6)
    opener = next(
        (opener for magic, opener in COMPRESSED.items() if start.startswith(magic)), lambda path: path.open("rb")
    )
    with cast("IO[bytes]", opener(archive)) as stream:
        limited = cast("IO[bytes]", _Limited(stream, max_bytes))
        with tarfile.open(fileobj=limited, mode="r|") as opened:
            for member in opened:
                if member.issym():
                    unpacker.link(member.name, member.linkname)
                elif member.isreg() and (content := opened.extractfile(member)):
                    unpacker.file(member.name, _blocks(content))
        for _ in _blocks(limited):  # the checksum follows the last file
            pass


def _unzip(archive: Path, unpacker: Unpacker) -> None:
    with zipfile.ZipFile(archive) as opened:
        for member in opened.infolist():
            if member.is_dir():
                continue
            with opened.open(member) as content:
                if stat.S_ISLNK(member.external_attr >> 16):
                    unpacker.link(member.filename, content.read(4096).decode("utf-8", "surrogateescape"))
                else:
                    unpacker.file(member.filename, _blocks(content))


def _blocks(content: IO[bytes]) -> Iterator[bytes]:
    while block := content.read(BLOCK):
        yield block
