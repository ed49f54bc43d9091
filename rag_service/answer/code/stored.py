"""The stored lines of files, each read from the store once."""

import re
from collections.abc import Callable, Sequence
from functools import cache, cached_property, lru_cache

from ml.index.chunk import Chunk, numbered_lines
from ml.index.store.base import Store

READ_FILES = 256  # files to keep in the cache: consecutive answers are often about the same ones
TRIPLE = re.compile(r'"""|\'\'\'|```')


class FileLines(dict[int, str]):
    """The stored lines of a file, by number, and the `chunks` that contain them."""

    def __init__(self, chunks: Sequence[Chunk]) -> None:
        super().__init__(numbered_lines(chunks))
        self.chunks = chunks

    @cached_property
    def in_strings(self) -> frozenset[int]:
        """The lines that begin inside a triple-quoted string, such as examples in a docstring."""
        quote, inside = "", set()
        for at in sorted(self):
            if quote:
                inside.add(at)
            for mark in TRIPLE.findall(self[at]):
                quote = "" if quote == mark else quote or mark
        return frozenset(inside)


StoredLines = Callable[[str, str], FileLines]


def line_reader(store: Store) -> StoredLines:
    """Return a function (repo, path) -> {line number: text} that reads each file from the store once."""

    @cache
    def lines(repo: str, file_path: str) -> FileLines:
        return _numbered(tuple(store.chunks(repo, file_path)))

    return lines


_numbered = lru_cache(maxsize=READ_FILES)(FileLines)
