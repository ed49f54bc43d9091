"""Regular expressions over untrusted text that cannot stall the program.

Python's engine backtracks and keeps the interpreter lock while it does: one long token in a file or a question is
enough to stop every thread. So every pattern in the product is one of three:

- `linear(…)`: RE2, whose time grows with the text alone. No look-around, no back-references, ASCII classes.
- `bounded(…)`: Python's engine behind a check of the length; longer text does not match.
- `re.compile(…)` at module level, as long as it stays linear over its worst repetition.

`tests/hostile/test_patterns.py` finds every pattern by walking the modules, and measures it. So that it can, only
this module compiles patterns inside functions.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias, cast

Pattern: TypeAlias = "re.Pattern[str] | Bounded"


def linear(pattern: str) -> re.Pattern[str]:
    """Compile a pattern with RE2. Its flags are written inline: `(?i)`, `(?m)`, `(?s)`.

    `\\w`, `\\d`, `\\s` and `\\b` mean ASCII: write `[\\pL\\pN_]` for a letter, a digit or "_" of any language.
    Raise `re2.error` for what RE2 does not support: look-around, back-references, possessive quantifiers.
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    return cast("re.Pattern[str]", re2.compile(pattern, options))


def any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    """Compile RE2 patterns into one that matches whatever any of them does. Raise `re2.error` if one is invalid."""
    return linear("|".join(f"(?:{pattern})" for pattern in patterns))


def whole_word(name: str) -> re.Pattern[str]:
    """Compile a pattern for a name that is not part of a longer one."""
    return re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])")


def called_word(word: str, *, parentheses: bool = True) -> re.Pattern[str]:
    """Compile a pattern for a call of a name that is not part of a longer one."""
    return re.compile(rf"(?<![\w$]){re.escape(word)}{_end_of_call(parentheses)}")


def called_member(name: str, receivers: Iterable[str] = (), *, parentheses: bool = True) -> re.Pattern[str]:
    """Compile a pattern for a call of a name on one of some receivers, by default on any."""
    names = "|".join(map(re.escape, receivers))
    receiver = rf"(?<![\w$])(?:{names})" if names else ""
    return re.compile(rf"{receiver}(?:\.|->|::){re.escape(name)}{_end_of_call(parentheses)}")


def with_attribute(name: str) -> re.Pattern[str]:
    """Compile a pattern for a name, with the `attribute` of it that follows, if one does."""
    return re.compile(rf"(?<![\w$]){re.escape(name)}(?![\w$])(?:\.(?P<attribute>\w+))?")


def _end_of_call(parentheses: bool) -> str:
    return r"\s*+\(" if parentheses else r"(?![\w-])"


def compile_wildcard(pattern: str) -> re.Pattern[str]:
    """Compile a pattern built from a wildcard, with atomic groups where it could backtrack."""
    return re.compile(pattern)


class Bounded:
    """A pattern of Python's engine that never matches in text of more than `longest` characters."""

    def __init__(self, pattern: str, flags: int, longest: int) -> None:
        self.pattern = pattern
        self.flags = flags
        self.longest = longest
        self._compiled = re.compile(pattern, flags)

    def search(self, text: str) -> re.Match[str] | None:
        """Return the first match anywhere in the text."""
        return self._compiled.search(text) if len(text) <= self.longest else None

    def match(self, text: str) -> re.Match[str] | None:
        """Return the match at the start of the text."""
        return self._compiled.match(text) if len(text) <= self.longest else None

    def fullmatch(self, text: str) -> re.Match[str] | None:
        """Return the match of the whole text."""
        return self._compiled.fullmatch(text) if len(text) <= self.longest else None

    def finditer(self, text: str) -> Iterator[re.Match[str]]:
        """Yield the matches from left to right."""
        return self._compiled.finditer(text) if len(text) <= self.longest else iter(())

    def findall(self, text: str) -> list[Any]:
        """Return the texts of the matches, or their groups."""
        return self._compiled.findall(text) if len(text) <= self.longest else []

    def split(self, text: str) -> list[Any]:
        """Return the parts of the text between the matches."""
        return self._compiled.split(text) if len(text) <= self.longest else [text]

    def sub(self, replacement: str | Callable[[re.Match[str]], str], text: str, count: int = 0) -> str:
        """Return the text with its matches replaced."""
        return self._compiled.sub(replacement, text, count=count) if len(text) <= self.longest else text


def bounded(pattern: str, flags: int = 0, *, longest: int = 2_000) -> Bounded:
    """Compile a pattern for text whose length is checked before each use.

    Choose `longest` as the greatest length of well-formed text: a line, a path, a question.
    """
    return Bounded(pattern, flags, longest)


class Literals:
    """A set of strings searched for in one pass by an RE2 automaton: a hundred take hardly longer than a few."""

    def __init__(self, strings: Iterable[str]) -> None:
        import re2

        self._strings = tuple(dict.fromkeys(strings))
        self._set = re2.Set.SearchSet()
        for string in self._strings:
            self._set.Add(re2.escape(string))
        self._set.Compile()

    def found_in(self, text: str) -> frozenset[str]:
        """Return the strings that a text contains."""
        found = self._set.Match(text.encode("utf-8", "replace"))
        return frozenset(self._strings[number] for number in found or ())
