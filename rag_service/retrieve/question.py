"""Parse a question: its terms in the words of the code, the symbols and files it names, what it wants to see."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ml.index import tokens
from ml.index.snowball import CYRILLIC, fold, snowball
from ml.index.sparse import STOP_WORDS
from ml.patterns import bounded, linear
from rag_service.retrieve.glossary import Glossary, Term, transliterate

SEPARATOR = re.compile(r"::|[.#/]")
WORD = re.compile(r"[\w@#$][\w.:/#@$\-+*'’]*(?:\(\))?")
PATH = bounded(r"(?P<path>(?:[\w.@+-]+/)*[\w.@+-]+\.[A-Za-z]\w{0,9})(?::(?P<line>\d{1,9}))?$", longest=4_096)
IDENTIFIER = bounded(r"_|[a-zа-яё][A-ZА-ЯЁ]|[A-Z]{2}[a-z]{2}|\w(?:::|\.)\w|\w\(\)$")
QUOTED = linear(r"`([^`]+)`|\"([^\"]+)\"|'([\pL\pN_][^']*)'|«([^»]+)»")
NAME_WORDS = 2
LONGEST_WORD = 100
# More translations of a word than this blur the vector of the whole question.
EMBEDDED = 2
EMPTY = re.compile(
    r"use[sd]?|using|get|gets|happens?|find|code|explain|please|tell|show|implement(?:s|ed|ation)|work|works|defined?",
    re.IGNORECASE,
)
WANTS = {
    "tests": bounded(
        r"(?:unit)?tests?|test(?:ed|ing)|fixtures?|mocks?|тест\w*|фикстур\w*|мок\w{0,3}",
        re.IGNORECASE,
        longest=LONGEST_WORD,
    ),
    "docs": bounded(
        r"docs|documentation|readme|changelog|guide|tutorials?|документаци\w*", re.IGNORECASE, longest=LONGEST_WORD
    ),
    "examples": bounded(
        r"examples?|samples?|demos?|benchmarks?|пример\w*|демо|бенчмарк\w*", re.IGNORECASE, longest=LONGEST_WORD
    ),
}


@dataclass(frozen=True, slots=True)
class PathReference:
    """A file that the question names, and a line if it names one."""

    path: str
    line: int | None


@dataclass(frozen=True)
class Question:
    """A parsed question. `terms` are in the order of the text, without stop words.

    `symbols` are names as `normalize_name` returns them; `is_name` means that the question is just a name.
    """

    text: str
    terms: tuple[Term, ...]
    symbols: frozenset[str]
    is_name: bool
    paths: tuple[PathReference, ...]
    wants: frozenset[str]

    @cached_property
    def english(self) -> str:
        """The text to embed: the question itself or, if a glossary translated it, the words of the code."""
        if all(term.words == (term.source,) for term in self.terms):
            return self.text
        return " ".join(word for term in self.terms for word in term.words[:EMBEDDED])

    @cached_property
    def stems(self) -> frozenset[str]:
        """The stems of all words and their parts ("getUserById" -> get, user, by, id), with their translations."""
        return frozenset(part for term in self.terms for word in term.spellings for part in name_parts(word))


def understand(text: str, glossary: Glossary | None = None) -> Question:
    """Parse a question. `glossary` translates its words; None translates none."""
    words = [word for word in (match.group().rstrip(".:/-+*'’") for match in WORD.finditer(text)) if word]
    references = tuple(reference for word in words if (reference := _path(word)))
    terms = tuple(_terms(words, glossary)) or tuple(Term(word, (word,)) for word in words)
    quoted = [next(filter(None, found.groups())) for found in QUOTED.finditer(text)]
    return Question(
        text=text,
        terms=terms,
        symbols=frozenset(map(normalize_name, _symbols(words, quoted))),
        is_name=len(words) <= NAME_WORDS,
        paths=references,
        wants=frozenset(kind for kind, signs in WANTS.items() if any(map(signs.fullmatch, words))),
    )


def name_parts(name: str) -> tuple[str, ...]:
    """Return the stems of the words in a name: "HTTPServer_v2" -> ("http", "server", "v", "2")."""
    return tuple(snowball(part) for identifier in tokens.identifiers(name) for part in tokens.parts_of(identifier))


@lru_cache(maxsize=8192)
def stems_of(line: str) -> frozenset[str]:
    """Return the stems of the words in a line and of the parts of its names."""
    return frozenset(name_parts(line))


def last_component(name: str) -> str:
    """Return the part after the last dot, `::`, `#` or slash: "Base" of "Sinatra::Base"."""
    return SEPARATOR.split(name.rstrip("()"))[-1]


@lru_cache(maxsize=65_536)
def normalize_name(name: str) -> str:
    """Return a name in the form used for comparison: its last component in lower case, without underscores."""
    return fold(last_component(name)).replace("_", "").replace("-", "")


def _terms(words: list[str], glossary: Glossary | None) -> Iterator[Term]:
    at = 0
    while at < len(words):
        translated = glossary.term(words[at:]) if glossary is not None and not _is_cyrillic_name(words[at]) else None
        term, taken = translated or (_plain(words[at]), 1)
        at += taken
        if term.words:
            yield term


def _plain(word: str) -> Term:
    if word.lower() in STOP_WORDS or EMPTY.fullmatch(word):
        return Term(word, ())
    is_prose = CYRILLIC.search(fold(word)) and not IDENTIFIER.search(word)
    return Term(word, (transliterate(word), word) if is_prose else (word,))


def _is_cyrillic_name(word: str) -> bool:
    return bool(IDENTIFIER.search(word) and CYRILLIC.search(fold(word)))


def _path(word: str) -> PathReference | None:
    found = PATH.match(word)
    if not found or ("/" not in word and normalize_name(word).isdigit()):
        return None
    return PathReference(found["path"], int(found["line"]) if found["line"] else None)


def _symbols(words: list[str], quoted: list[str]) -> Iterator[str]:
    """Return the names in a question: quoted ones, identifiers, and all words of a query of one or two words."""
    yield from (name for name in quoted if " " not in name)
    yield from (word for word in words if IDENTIFIER.search(word))
    if len(words) <= NAME_WORDS:
        yield from words
        yield "".join(words)
