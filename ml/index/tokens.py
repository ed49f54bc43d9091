"""Tokenise code and prose: identifiers are split, so that `getUserById`, `get_user_by_id` and "get user" match."""

import re
from collections.abc import Iterator
from functools import lru_cache

from ml.index.snowball import CYRILLIC, drop_fleeting_vowel, fold, snowball
from ml.patterns import bounded

MAX_IDENTIFIER = 96
MAX_WORD = 40

# Suffixes that stemming removes, longest first: "validation", "validators" and "validated" become "validat".
_ENDINGS = (
    "izations isations ization isation ations ators ation ating izing izers ments ator ated ates izer ized izes ions "
    "ings ment ate ize ion ing ers ors er or ed es e s"
).split()
_MIN_STEM = 4

_UPPER = "A-ZÀ-ÖØ-ÞА-ЯЁ"
_IDENTIFIER = re.compile(r"\w+")
_PART = bounded(
    rf"[{_UPPER}]{{2,}}s(?![^\W\d_])|[{_UPPER}]+(?![^\W\d_{_UPPER}])|[{_UPPER}]?[^\W\d_{_UPPER}]+|\d+",
    longest=MAX_IDENTIFIER,
)


def words(text: str) -> list[str]:
    """Return the tokens of a text in lower case, with е for ё, in order, with repetitions.

    An identifier yields its parts and, if it has several, the whole without underscores: `getUserById` and
    `get_user_by_id` both yield get, user, by, id, getuserbyid. A run of letters and digits is one word (`utf8`,
    `sha256`), and its letters are another (`utf`, `sha`). Only the first MAX_IDENTIFIER characters count.
    """
    return [word for identifier in identifiers(text) for word in _words(identifier)]


def identifiers(text: str) -> list[str]:
    """Return the runs of letters, digits and underscores, unchanged."""
    return _IDENTIFIER.findall(text)


def stem(word: str) -> str:
    """Return the stem of an English or a Russian word ("routes", "router", "routing" -> "rout"), and other words unchanged.

    For English it is cruder than Snowball, which separates "router" from "route"; recall on this project's questions is
    higher.
    """
    if not word.isascii():
        return drop_fleeting_vowel(snowball(word)) if CYRILLIC.search(word) else word
    if len(word) < _MIN_STEM:
        return word
    if word.endswith(("ies", "ied")):
        word = word[:-3] + "y"
    ending = next((ending for ending in _ENDINGS if _removable(word, ending)), "")
    word = word.removesuffix(ending)
    if word[-1] == word[-2] and word[-1] not in "ls":
        word = word[:-1]
    return word[:-1] + "i" if word.endswith("y") else word


def _removable(word: str, ending: str) -> bool:
    shortest = _MIN_STEM - (ending == "s")
    return word.endswith(ending) and len(word) - len(ending) >= shortest and not word.endswith(("ss", "us"))


@lru_cache(maxsize=1 << 17)
def _words(identifier: str) -> tuple[str, ...]:
    found = parts_of(identifier)
    whole = fold(identifier[:MAX_IDENTIFIER].replace("_", ""))
    return (*found, whole) if whole not in found and whole and len(whole) <= MAX_WORD else found


@lru_cache(maxsize=1 << 17)
def parts_of(identifier: str) -> tuple[str, ...]:
    """Return the parts of an identifier in lower case."""
    segments = identifier[:MAX_IDENTIFIER].split("_")
    return tuple(part for segment in segments for part in _segment(segment) if len(part) <= MAX_WORD)


def _segment(segment: str) -> Iterator[str]:
    """Yield the parts of an identifier between two underscores."""
    before = ""
    for part in map(fold, _PART.findall(segment)):
        if part.isdigit():
            # A number belongs to the letters before it (utf8), and is a word of its own otherwise (404).
            if before:
                yield before + part
            if len(part) > 1 or not before:
                yield part
            before = ""
        elif len(part) == 1 and len(segment) > 1:
            before = part
        else:
            # A single letter belongs to what follows (OAuth, iOS, vtable), which is also a word of its own (IService).
            if len(before) == 1:
                yield before + part
            yield part
            before = before + part if len(before) == 1 else part
