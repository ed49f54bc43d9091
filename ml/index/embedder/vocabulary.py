"""Map text to rows of the vector table: split identifiers, then greedy WordPiece (Schuster & Nakajima, 2012)."""

import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice

from ml.index.tokens import identifiers, parts_of

CONTINUATION = "##"


class Vocabulary:
    """Maps pieces to rows. A word that can't be spelled with pieces is ignored."""

    def __init__(self, pieces: Sequence[str]) -> None:
        self.pieces = tuple(pieces)
        self._rows = {piece: row for row, piece in enumerate(pieces)}
        self._longest = max(map(len, pieces), default=0)
        self._of_identifier = lru_cache(maxsize=1 << 17)(self._identifier)

    def __len__(self) -> int:
        return len(self.pieces)

    def rows(self, text: str, limit: int) -> list[int]:
        """Return the rows of a text's first `limit` identifiers, in order, with repetitions."""
        return list(chain.from_iterable(map(self._of_identifier, islice(identifiers(text), limit))))

    def _identifier(self, identifier: str) -> tuple[int, ...]:
        return tuple(row for part in parts_of(identifier) for row in self.word(part))

    def word(self, word: str) -> tuple[int, ...]:
        """Return the row of a lower-case word, or the rows of its longest pieces from left to right."""
        word = "".join(mark for mark in unicodedata.normalize("NFD", word) if not unicodedata.combining(mark))
        pieces = tuple(self._pieces(word))
        return pieces if -1 not in pieces else ()

    def _pieces(self, word: str) -> Iterator[int]:
        start = 0
        while start < len(word):
            prefix = CONTINUATION if start else ""
            ends = range(min(len(word), start + self._longest), start, -1)
            found = ((end, row) for end in ends if (row := self._rows.get(prefix + word[start:end], -1)) >= 0)
            start, row = next(found, (len(word), -1))
            yield row
