"""Translate git's ignore patterns into regular expressions that never backtrack.

The first match of the part between two `*` leaves the most for what follows, so no other needs to be tried: it is in an
atomic group. The time is at most proportional to the path's length times the pattern's.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from ml.patterns import compile_wildcard

STAR = "*"
NEVER = "(?!)"
ANY_FOLDERS = "(?:[^/]*+/)*"
LONGEST = 4_096  # the maximum length of a path
CLASSES = {
    "alnum": "a-zA-Z0-9",
    "alpha": "a-zA-Z",
    "blank": r" \t",
    "cntrl": r"\x00-\x1f\x7f",
    "digit": "0-9",
    "graph": r"\x21-\x7e",
    "lower": "a-z",
    "print": r"\x20-\x7e",
    "punct": r"\x21-\x2f\x3a-\x40\x5b-\x60\x7b-\x7e",
    "space": r" \t\n\r\f\v",
    "upper": "A-Z",
    "xdigit": "0-9a-fA-F",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of an ignore file. Paths are relative to the file's folder; a folder's path ends with "/"."""

    hides: bool
    folders_only: bool
    by_path: bool
    regex: re.Pattern[str]

    def matches(self, path: str) -> bool:
        """Return whether the rule matches the path itself; the caller has already checked its parents."""
        is_folder = path.endswith("/")
        if self.folders_only and not is_folder:
            return False
        subject = path if is_folder else path + "/"
        if not self.by_path:
            subject = subject[subject.rfind("/", 0, -1) + 1 :]
        return self.regex.fullmatch(subject) is not None


def read_rule(line: str) -> Rule | None:
    """Return the rule of a line, or None if it is empty, a comment, or can't match."""
    line = _without_trailing_spaces(line)
    hides = not line.startswith("!")
    pattern = line if hides else line[1:]
    if not pattern.strip("/") or line.startswith("#") or len(line) > LONGEST:
        return None
    folders_only = pattern.endswith("/")
    pattern = pattern.removesuffix("/")
    by_path = "/" in pattern
    try:
        tokens = list(_tokens(pattern.removeprefix("/")))
    except ValueError:  # git also ignores patterns that it can't parse
        return None
    segments = [list(part) for is_slash, part in groupby(tokens, lambda part: part == "/") if not is_slash]
    if by_path and tokens.count("/") != len(segments) - 1:  # an empty segment, which no path has
        return None
    regex = _by_path(segments) if by_path else f"{_segment(tokens)}/"
    return Rule(hides, folders_only, by_path, compile_wildcard(regex))


def _without_trailing_spaces(line: str) -> str:
    stripped = line.rstrip(" ")
    escapes = len(stripped) - len(stripped.rstrip("\\"))
    return stripped + " " if escapes % 2 and stripped != line else stripped


def _tokens(pattern: str) -> Iterator[str]:
    """Yield the pattern token by token: `*`, `/`, or a regular expression for one character of a name."""
    at = 0
    while at < len(pattern):
        character = pattern[at]
        at += 1
        if character == "\\":
            if at == len(pattern):
                raise ValueError(pattern)
            yield re.escape(pattern[at])
            at += 1
        elif character == "[":
            at, found = _bracket(pattern, at)
            yield found
        elif character == "?":
            yield "[^/]"
        else:
            yield character if character in "*/" else re.escape(character)


def _bracket(pattern: str, at: int) -> tuple[int, str]:
    """Return where the bracket expression that opens before `at` ends, and a regular expression for it."""
    negated = pattern[at : at + 1] in ("!", "^")
    at += negated
    parts: list[str] = []
    before, first = "", True
    while first or pattern[at : at + 1] != "]":
        first = False
        if pattern.startswith("[:", at) and (end := pattern.find(":]", at)) >= 0:
            parts.append(CLASSES.get(pattern[at + 2 : end], ""))
            if not parts[-1]:
                raise ValueError(pattern)
            at, before = end + 2, ""
        elif before and pattern[at : at + 1] == "-" and pattern[at + 1 : at + 2] not in ("]", ""):
            at, last = _one(pattern, at + 1)
            parts.append(f"{re.escape(before)}-{re.escape(last)}" if before <= last else "")
            before = ""
        else:
            at, before = _one(pattern, at)
            parts.append(re.escape(before))
    inside = "".join(parts)
    if negated:
        return at + 1, f"[^/{inside}]"
    return at + 1, f"(?!/)[{inside}]" if inside else NEVER


def _one(pattern: str, at: int) -> tuple[int, str]:
    at += pattern[at : at + 1] == "\\"
    if at >= len(pattern):
        raise ValueError(pattern)
    return at + 1, pattern[at]


def _by_path(segments: list[list[str]]) -> str:
    """Return the pattern of a whole path, in which each name ends with "/"."""
    groups: list[list[str]] = [[]]
    for segment in segments:
        if len(segment) > 1 and set(segment) == {STAR}:
            groups.append([])
        else:
            groups[-1].append(f"{_segment(segment)}/")
    first, *others = ["".join(group) for group in groups]
    if not others:
        return first
    middle = "".join(f"(?>(?:[^/]*+/)*?{group})" for group in others[:-1] if group)
    return first + middle + (ANY_FOLDERS + others[-1] if others[-1] else "[^/]*+/" + ANY_FOLDERS)


def _segment(tokens: list[str]) -> str:
    """Return the pattern of one path component."""
    chunks = [""]
    for token in tokens:
        if token == STAR:
            chunks.append("")
        else:
            chunks[-1] += token
    first, *others = chunks
    if not others:
        return first
    return first + "".join(f"(?>[^/]*?{chunk})" for chunk in others[:-1] if chunk) + "[^/]*" + others[-1]
