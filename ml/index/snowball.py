"""Snowball stems of Russian and English words."""

import re
import threading
from functools import lru_cache
from typing import Any

from ml.patterns import bounded

CYRILLIC = re.compile(r"[а-я]")
CONSONANT = "[бвгджзклмнпрстфхцчшщ]"
FLEETING = bounded(rf"(?<={CONSONANT})[ео](?={CONSONANT}$)", longest=100)


@lru_cache(maxsize=1 << 17)
def snowball(word: str) -> str:
    """Return a word's Snowball stem, Russian or English by its letters, in lower case and without ё."""
    word = fold(word)
    return str(_stemmer("russian" if CYRILLIC.search(word) else "english").stemWord(word))


def fold(word: str) -> str:
    """Return a word in lower case, with е for ё, which few people type."""
    return word.lower().replace("ё", "е")


def drop_fleeting_vowel(word: str) -> str:
    """Return a Russian word without the last vowel that its other forms may lose: узел, узла; скидок, скидка."""
    return FLEETING.sub("", word)


_stemmers = threading.local()


def _stemmer(language: str) -> Any:
    """Return this thread's stemmer; Snowball stemmers are stateful."""
    import snowballstemmer

    mine: dict[str, Any] = _stemmers.__dict__
    if language not in mine:
        mine[language] = snowballstemmer.stemmer(language)
    return mine[language]
