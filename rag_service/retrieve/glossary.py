"""A glossary that maps words of a question to the words of the code.

It is a data file with one entry per line:

    авторизация: authorization authorize auth
    внедрение зависимостей: dependency injection
    процессинг: payments-core billing

Left of the colon are words or phrases, separated by commas; right of it translations, best first. A line without
translations lists stop words ("где"), of which those of up to three letters have no other forms ("под" is a
preposition, "подов" is not). A Russian word is looked up by its Snowball stem or, failing that, by the longest key that
is a prefix of it ("авторизованный": "авториз"); a Latin one by its English stem.
`ru.glossary` beside this module covers general Russian; a team's own file takes precedence over it.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from ml.errors import SettingsError
from ml.index.snowball import CYRILLIC, drop_fleeting_vowel, fold, snowball
from ml.patterns import linear

MIN_PREFIX = 4
# Russian engineers call a pod "под", which is a preposition too. A preposition is followed by what it governs, a noun by a
# verb, another preposition or nothing.
PREPOSITION = "под"
POD = ("pod",)
NOT_GOVERNED = linear(
    r"(?:[аяуею][ею]т|ит|[аяуюеи]тся|[аиеыу]л|[аиеыу]л(?:[аои]|ся|ась|ось|ись))$"
    r"|^(?:в|во|на|с|со|из|от|до|за|по|к|у|о|об|и|а|но|или|не|ли|же|бы|при|для|без|уже|еще|снова|может|должен)$"
)
MAX_PHRASE = 6
DRAWER = 2
GENERAL = Path(__file__).parent / "data" / "ru.glossary"
TRANSLITERATION = str.maketrans(
    dict(zip("абвгдезийклмнопрстуфцыэ", "abvgdeziyklmnoprstufcye", strict=True))
    | {"ж": "zh", "х": "h", "ч": "ch", "ш": "sh", "щ": "sch", "ю": "yu", "я": "ya", "ь": "", "ъ": ""}
)
Drawer = dict[str, list[tuple[list[str], tuple[str, ...]]]]


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase of a question and what the code may call it; `words` is empty for a stop word."""

    source: str
    words: tuple[str, ...]

    @property
    def spellings(self) -> tuple[str, ...]:
        """The words and, for code that is commented in Russian, the question's own."""
        is_own = self.words and self.source not in self.words and CYRILLIC.search(fold(self.source))
        return (*self.words, self.source) if is_own else self.words


class Glossary:
    """Entries by key; the first of two entries with the same key wins.

    Stemming thousands of keys takes 0.2 s, so only those that begin like a word of the question are stemmed.
    """

    def __init__(self, entries: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        self._entries: dict[str, list[tuple[list[str], tuple[str, ...]]]] = {}
        self._filed: dict[str, Drawer] = {}
        for key, words in entries:
            self._entries.setdefault(key[:DRAWER], []).append((key.split(), words))

    def __len__(self) -> int:
        return sum(map(len, self._entries.values()))

    @classmethod
    def read(cls, *texts: str) -> Self:
        """Parse the texts of glossary files, highest precedence first. Raise SettingsError for a line without a colon."""
        return cls(entry for text in texts for entry in _entries(text))

    def term(self, words: Sequence[str]) -> tuple[Term, int] | None:
        """Return the entry for the longest phrase at the start of `words`, and its length in words; or None."""
        words = [fold(word) for word in words[:MAX_PHRASE]]
        if _is_pod(words):
            return Term(words[0], POD), 1
        drawer = self._drawer(words[0][:DRAWER])
        fitting = [entry for key in _keys(words[0]) for entry in drawer.get(key, ()) if _fits(words, *entry)]
        if not fitting:
            return None
        parts, translation = max(fitting, key=lambda entry: len(entry[0]))
        return Term(" ".join(words[: len(parts)]), translation), len(parts)

    def _drawer(self, beginning: str) -> "Drawer":
        if beginning not in self._filed:
            drawer: Drawer = {}
            for parts, words in self._entries.get(beginning, ()):
                for key in _forms(parts[0]):
                    drawer.setdefault(key, []).append((parts, words))
            self._filed[beginning] = drawer
        return self._filed[beginning]


def transliterate(word: str) -> str:
    """Transliterate a Russian word's stem as a programmer would ("парсеры" -> "parser")."""
    return snowball(word).translate(TRANSLITERATION)


@cache
def load_glossary(own: str | None = None) -> Glossary:
    """Load the general Russian glossary and, before it, a team's own file if there is one.

    Raise SettingsError for a file that can't be read.
    """
    general = GENERAL.read_text(encoding="utf-8")
    if own is None:
        return Glossary.read(general)
    try:
        return Glossary.read(Path(own).expanduser().read_text(encoding="utf-8"), general)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"the glossary {own} can't be read ({error})", "fix the setting `glossary`") from error


def _entries(text: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    for number, line in enumerate(text.splitlines(), start=1):
        line = line.partition("#")[0].strip()
        if not line:
            continue
        keys, colon, words = line.partition(":")
        if not colon or not keys.strip():
            raise SettingsError(f"line {number} of the glossary is {line!r}", "write it as `term: word word`")
        for key in filter(None, map(str.strip, fold(keys).split(","))):
            yield key, tuple(words.split())


def _keys(word: str) -> Iterator[str]:
    """Yield the keys under which an entry for the word may be found, closest first."""
    yield snowball(word)
    if not CYRILLIC.search(word):
        return
    # The fleeting vowel of a genitive plural: попыток -> попытк(а), настроек -> настройк(а).
    if word.endswith(("ок", "ек")):
        yield word[:-2] + "к"
        yield word[:-2] + "йк"
    for length in range(len(word), MIN_PREFIX - 1, -1):
        yield word[:length]


def _forms(part: str) -> set[str]:
    """Return the forms of a key's word under which a question's word may find it."""
    return {part, snowball(part), drop_fleeting_vowel(part)}


def _fits(words: Sequence[str], parts: Sequence[str], translation: tuple[str, ...]) -> bool:
    """Return whether the words begin with the parts of a key; the first part is known to match."""
    if not translation and len(parts[0]) < MIN_PREFIX and words[0] != parts[0]:
        return False
    rest = zip(words[1:], parts[1:], strict=False)
    return len(parts) <= len(words) and all(_forms(part) & set(_keys(word)) for word, part in rest)


def _is_pod(words: Sequence[str]) -> bool:
    return words[0] == PREPOSITION and (len(words) == 1 or NOT_GOVERNED.search(words[1]) is not None)
