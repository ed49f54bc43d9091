"""The text in which secrets are looked for: composed, without invisible characters, each word in one script.

`pаssword` with a Cyrillic "а", or `пароль` with a blank of no width in it, announces a secret to its reader all the same.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field

from ml.patterns import bounded, linear

# What makes a text worth folding. All of it is outside ASCII, so that most files are not even searched.
TRAP = linear(
    "[\u00a0\u00ad\u0130\u0300-\u036f\u061c\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\u3164\ufe00-\ufe0f\ufeff"
    "\uff01-\uff5e]|[a-zA-Z][\u0400-\u04ff]|[\u0400-\u04ff][a-zA-Z]"
)
LONGEST_PIECE = 4_000
STEP = bounded(
    "(?P<composed>[\u0400-\u04ffa-zA-Z][\u0300-\u036f]{1,4})"
    "|(?P<invisible>[\u00ad\u0300-\u036f\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff])"
    "|(?P<wide>[\uff01-\uff5e])"
    "|(?P<blank>[\u00a0\u2000-\u200a\u2028\u2029\u202f\u205f\u3000])"
    "|(?P<dotted>\u0130)"
    "|(?P<word>(?:[a-zA-Z]{1,40}[\u0400-\u04ff]|[\u0400-\u04ff]{1,40}[a-zA-Z])[a-zA-Z\u0400-\u04ff]{0,40})",
    longest=LONGEST_PIECE,
)
CYRILLIC, LATIN = "асеорхуіјѕкАВЕЅІЈКМНОРСТУХ", "aceopxyijskABESIJKMHOPCTYX"
TO_LATIN, TO_CYRILLIC = str.maketrans(CYRILLIC, LATIN), str.maketrans(LATIN, CYRILLIC)
WIDE_OFFSET = 0xFEE0


@dataclass(frozen=True, slots=True)
class Folded:
    """A folded text, and by how much its places differ from those of the original from which place on."""

    text: str
    places: list[int] = field(default_factory=list)
    shifts: list[int] = field(default_factory=list)

    def original(self, at: int) -> int:
        """Return the place in the original."""
        before = bisect_right(self.places, at)
        return at + self.shifts[before - 1] if before else at


def fold(text: str) -> Folded:
    """Fold a text; one of plain letters stays as it is."""
    if text.isascii() or not TRAP.search(text):
        return Folded(text)
    parts, places, shifts, at, length, shift = [], list[int](), list[int](), 0, 0, 0
    for base, found in _steps(text):
        start, folded = base + found.start(), _folded(found[0], str(found.lastgroup))
        parts += [text[at:start], folded]
        length += start - at + len(folded)
        at = base + found.end()
        if len(folded) != len(found[0]):
            shift += len(found[0]) - len(folded)
            places.append(length)
            shifts.append(shift)
    return Folded("".join(parts) + text[at:], places, shifts)


def _steps(text: str) -> Iterator[tuple[int, re.Match[str]]]:
    """Yield what is to be folded, with the place that its own places count from."""
    at = 0
    while at < len(text):
        end = at + LONGEST_PIECE
        if end < len(text):
            end = max(text.rfind("\n", at, end), text.rfind(" ", at, end)) + 1 or end
        yield from ((at, found) for found in STEP.finditer(text[at:end]))
        at = end


def _folded(piece: str, kind: str) -> str:
    match kind:
        case "composed":
            composed = unicodedata.normalize("NFC", piece)
            return composed if len(composed) == 1 else piece[0]
        case "wide":
            return chr(ord(piece) - WIDE_OFFSET)
        case "word":
            return _in_one_script(piece)
        case _:
            return {"blank": " ", "dotted": "I"}.get(kind, "")


def _in_one_script(word: str) -> str:
    """Return a word of two scripts in the one that all its letters could be of, if there is such."""
    latin = word.translate(TO_LATIN)
    if latin.isascii():
        return latin
    cyrillic = word.translate(TO_CYRILLIC)
    return word if any(map(str.isascii, cyrillic)) else cyrillic
