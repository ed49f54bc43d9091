"""The ignore files of a tree: .gitignore's syntax and rules, at every level."""

import re
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ml.index.sources.files import read_regular

if TYPE_CHECKING:
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

OWN_FILE = ".codeintelignore"
GIT_FILES = (".git/info/exclude", ".gitignore")
MAX_BYTES = 1_000_000


class Ignored:
    """The patterns in force in one folder: those of its own ignore files and of the folders above it."""

    def __init__(
        self, files: tuple[str, ...], above: "tuple[tuple[int, tuple[GitIgnoreSpecPattern, ...]], ...]" = ()
    ) -> None:
        self._files = files
        self._levels = above

    def by_git(self, files: tuple[str, ...]) -> "Ignored":
        """Gives the same patterns for a folder in which git obeys its own files and only `files` are left to read."""
        return Ignored(files, self._levels)

    def enter(self, folder: str, relative: str) -> "Ignored":
        """Gives the patterns in force in a folder below; `relative` is its path from the root and ends with "/"."""
        lines = [line for name in self._files for line in _lines(f"{folder}/{name}")]
        patterns = tuple(_patterns(lines)) if lines else ()
        return Ignored(self._files, (*self._levels, (len(relative), patterns))) if patterns else self

    def hides(self, path: str) -> bool:
        """Says whether a path from the root is ignored, provided that no folder above it is; a folder's ends with "/".

        The last pattern that matches decides, those of deeper folders first.
        """
        for start, patterns in reversed(self._levels):
            for pattern in reversed(patterns):
                if _matches(pattern, path[start:]):
                    return bool(pattern.include)
        return False


def _lines(file: str) -> list[str]:
    content = read_regular(file, MAX_BYTES)
    if isinstance(content, str):  # there is none
        return []
    text = content.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "surrogateescape")
    lines = (line.removesuffix("\r") for line in text.split("\n"))
    return [f"{line}*/" if line.endswith("/**/") else line for line in lines]  # pathspec would take "a/**/" for "a/"


def _patterns(lines: Iterable[str]) -> "Iterable[GitIgnoreSpecPattern]":
    from pathspec.patterns.gitignore.base import GitIgnorePatternError
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

    for line in lines:
        try:
            with warnings.catch_warnings(action="ignore", category=FutureWarning):
                pattern = GitIgnoreSpecPattern(line)
        except (GitIgnorePatternError, re.error):  # git, too, passes over what it can't make sense of
            continue
        if pattern.include is not None:
            yield pattern


def _matches(pattern: "GitIgnoreSpecPattern", path: str) -> bool:
    """Says whether a pattern matches a path itself; whether it matches a folder above was asked before."""
    regex = pattern.regex
    if regex is None:
        return False
    if regex.pattern.endswith("/"):  # made of "a/**", which matches what is in the folder, and not the folder
        return bool(regex.search(path.removesuffix("/")))
    found = regex.search(path)
    if not found or found.lastgroup is None:  # a group marks that a folder was matched: this one, or one above
        return bool(found)
    return path.endswith("/") and (found.end() == len(path) or not regex.pattern.startswith("^"))
