"""Names and words that announce a secret: English within any identifier, Russian in every case, and transliterated."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ml.index.redact.spans import positions
from ml.patterns import bounded


class Name(NamedTuple):
    """A word that announces a secret of a kind, from `start` to `end`; `plain` if it says little by itself.

    `tail` is where the identifier or the compound that it is part of ends, -1 where that is still to be read.
    """

    start: int
    end: int
    kind: str
    plain: bool = False
    tail: int = -1


# What such a name holds, and the kind of secret that it tells of.
WORDS = {
    "pass": "password",
    "pwd": "password",
    "secret": "secret",
    "credential": "secret",
    "token": "token",
    "auth": "token",
    "key": "key",
    "identified by": "password",
    "securestring": "password",
    "pw": "password",
    "pin": "pin",
    "psk": "password",
}
PASSWORD = bounded(r"pass(?:word|wd|phrase|code)|passw[^a-z]")
# "key" and "pass" alone say nothing.
KEY_OF_WHAT = bounded(
    r"(?:api|access|secret|private|encrypt(?:ion)?|crypt(?:o|ion)?|sign(?:ing|ature)?|auth|license|account|shared|master"
    r"|service|storage|app(?:lication)?|client|consumer|session|hmac|jwt|webhook|deploy|root|admin|subscription|cookie|aes"
    r"|cipher|security|write|server)[_.: -]{0,2}$"
)
PASS_ALONE = bounded(
    r"pass[\"'`*]{0,3}\]?[ \t]{0,8}(?:(?::=|=>|[:=](?!\w{1,20}:`))[ \t]{0,8}[\"'`*\w]|(?:[—–-]|is)[ \t])"
)
PW_ALONE = bounded(r"pw[\"'`*]{0,3}\]?[ \t]{0,8}(?::=|=>|[:=—–])")
# What is not kept secret although it is called so: publicKeyToken, a token of the next page, the name of a Secret.
NO_SECRET = bounded(r"(?:public[_-]?(?:key)?|page|next|continuation|sync|cancel\w{0,12}|existing|checksum)[_/-]?$")
OF_PW = bounded(r"(?:bind|root|user|db|admin|my|sql|ftp|ssh|smtp|mail|wifi|login|^|[^a-z])[_-]?$")
PIN = bounded(r"pin(?:[ _-]?code)?(?![a-z])")
LONGEST_PREFIX = 12
LONGEST_WORD = 60

RUSSIAN_ANCHORS = ("парол", "пасс", "секрет", "токен", "ключ", "код", "пин", "учет", "учёт", "кред", "доступы")
RUSSIAN = re.compile(
    r"(?P<password>парол(?:ьн\w{2}[ _-]фраз\w{1,3}|[ьяюеи]\w{0,40})"
    r"|код\w{0,3}[ _-]?доступа\w{0,40}|доступы(?!\w)|пасс(?!\w)"
    r"|уч[её]т(?:н\w{2}[ _](?:данн|запис)\w{1,3}|к[аиуе])(?!\w)|кред(?:ы|ов)(?!\w))"
    r"|(?P<pin>пин(?:[ _-]?код\w{0,3})?(?!\w))"
    r"|(?P<code>кодов\w{2,3}[ _-]?слов\w{1,2}|секретн\w{2,3}[ _-]?(?:слов|фраз|вопрос)\w{1,2})"
    r"|(?P<secret>секрет(?!ар)\w{0,40}(?:[ _-](?:ключ|токен|код)\w{0,40})?)"
    r"|(?P<token>токен(?!из)\w{0,40})"
    r"|(?P<key>ключ(?!ев|ит|ат|ён|ен)\w{0,40}(?:[ _-](?:доступа|api|апи|шифрования|подписи|лицензии|приложения)\w{0,40})?)"
)
POLICY = "парольн"

# The same words in Latin letters, with the rest of the identifier.
LATIN = bounded(
    r"(?P<password>parol(?:['`]|[iyja]{1,2}|em|ju)?(?!es?\b)|kod[ _-]?dostupa|kodov\w{2,3}[ _-]?slov\w{1,2}"
    r"|uchetn\w{2,4}[ _-]?dann\w{1,3})"
    r"|(?P<secret>sekret(?!ar)\w{0,4}(?:[ _-]?(?:k[lj]+[yiu]+c?h|token)\w{0,4})?)"
    r"|(?P<key>kl(?:y|j|i)?uch?h?['`]?(?![b-df-z])|pin[ _-]?kod)",
    longest=LONGEST_WORD,
)
LATIN_BEGINNINGS = ("parol", "kod", "uchetn", "sekret", "kl", "pin")
LATIN_ANCHORS = (
    "parol",
    "dostupa",
    "sekret",
    "kluch",
    "klyuch",
    "kljuch",
    "kliuch",
    "pinkod",
    "pin_kod",
    "pin-kod",
    "slovo",
    "uchetn",
)
LATIN_REST = re.compile(r"(?:[_.-]?[A-Za-z0-9]+){0,8}")


ANCHORS = (*WORDS, *RUSSIAN_ANCHORS, *LATIN_ANCHORS)


def find_names(text: str, lower: str, anchors: frozenset[str]) -> Iterator[Iterator[Name]]:
    """Yield the names that announce a secret, from left to right for each word, Russian, and transliterated Russian.

    `anchors` are those that the text contains, in lower case.
    """
    for word, kind in WORDS.items():
        if word in anchors:
            yield _english(word, kind, text, lower)
    if not anchors.isdisjoint(RUSSIAN_ANCHORS):
        yield _russian(text, lower, anchors.intersection(RUSSIAN_ANCHORS))
    if not anchors.isdisjoint(LATIN_ANCHORS):
        yield _transliterated(lower)


def _english(word: str, kind: str, text: str, lower: str) -> Iterator[Name]:
    at = lower.find(word)
    while at >= 0:
        if _tells(word, text, lower, at):
            yield Name(at, at + len(word), kind)
        at = lower.find(word, at + len(word))


def _russian(text: str, lower: str, anchors: frozenset[str]) -> Iterator[Name]:
    for at in sorted(at for anchor in anchors for at in positions(lower, anchor)):
        if not (found := RUSSIAN.match(lower, at)):
            continue
        start, kind = found.start(), str(found.lastgroup)
        inside = text[start - 1 : start].isalpha() and not text[start].isupper()
        if inside and kind in ("key", "pin", "code"):  # "исключение", "включить", "спин"
            continue
        if found[0].startswith(POLICY) and "фраз" not in found[0]:
            continue
        yield Name(start, found.end(), kind, plain=True, tail=found.end())


def _transliterated(lower: str) -> Iterator[Name]:
    end = 0
    for at in sorted(at for beginning in LATIN_BEGINNINGS for at in positions(lower, beginning)):
        if at >= end and (found := LATIN.match(lower[at : at + LONGEST_WORD])):
            kind, end = "pin" if found[0].startswith("pin") else str(found.lastgroup), at + found.end()
            rest = LATIN_REST.match(lower, end)
            yield Name(at, end, kind, plain=True, tail=rest.end() if rest else end)


def _tells(word: str, text: str, lower: str, at: int) -> bool:
    """Tell whether a word tells of a secret, and is not part of another ("compass", "author", "hotkey")."""
    before = lower[max(0, at - LONGEST_PREFIX) : at]
    if NO_SECRET.search(before):
        return False
    if word == "key":
        return bool(KEY_OF_WHAT.search(before))
    after = lower[at : at + 40]
    if word in ("pw", "psk"):
        return (
            bool(PW_ALONE.match(after))
            if word == "pw" and OF_PW.search(before)
            else word == "psk" and not before[-1:].isalpha()
        )
    if word == "pin":
        return (
            bool(PIN.match(after)) and not before[-1:].isalpha() and (text[at : at + 3] == "PIN" or "code" in after[:9])
        )
    if word == "pass" and not PASSWORD.match(after) and not PASS_ALONE.match(after):
        return False
    return word not in ("pass", "auth") or not text[at - 1 : at].isalpha() or text[at].isupper()
