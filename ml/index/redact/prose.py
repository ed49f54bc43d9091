"""Secrets that prose tells: "пароль от базы — …", "the password for prod is …", "login/pass: x / y", in any markup."""

import re
from collections.abc import Callable

from ml.index.redact.names import Name
from ml.index.redact.spans import TECHNICAL, TYPE, Span, is_placeholder, looks_chosen, looks_mixed, looks_random
from ml.patterns import bounded

# The rest of the name, what closes its markup, and a few words: "password (new) for the prod db".
TAGS = r"(?:</?[a-zA-Z][^<>\n]{0,60}>\s{0,20}){0,3}"
# In prose a name is a word of its own: "password", not "password_reset".
NATURAL = re.compile(r"(?:word|wd|phrase|[ _-]?code)?s?(?![\w(.=]|-\w)", re.IGNORECASE)
END_OF_NAME = r"\w{0,40}[*_`\"'»”)\]]{0,3}"
FEW_WORDS = (
    r"(?P<words>(?:[ \t]{1,4}(?:\([^()\n]{0,60}\)|\[[^\[\]\n]{0,60}\]"
    r"|[*`'\"«“„]{0,2}[^\s:=—–→|\"'`«»“”„(){}\[\]<>;*]{1,40}[*`'\"»”]{0,2},?)){0,9}?)"
)
SIGN = (
    rf"[ \t]{{0,8}}(?:{TAGS}(?::=|=>|->|[:=→|—–(]|-(?=[ \t]))|</\w{{1,10}}>\s{{0,20}}(?:</?\w[^<>\n]{{0,60}}>\s{{0,20}}){{1,3}}"
    r"|</(?:b|strong|em|i|code|label|span|dt)>)"
)
VERB = r"[ \t]{1,4}(?:is|was|are|be|это|будет|стал|стала|такой|такая|now|to|на|равен|теперь)(?=[ \t:]):?"
OPENING = rf"[*_\"'`]{{0,3}}[ \t]{{0,8}}{TAGS}(?:(?:это|is|now)[ \t]{1, 8})?[*_`\"'«“„‘(\[|]{{0,4}}{TAGS}"
WORD = r"(?P<value>[^\s\"'`«»“”„‘’<>\\,;|]{4,200}+)"
BY_SIGN = re.compile(rf"{END_OF_NAME}{FEW_WORDS}{SIGN}{OPENING}{WORD}", re.IGNORECASE)
BY_VERB = re.compile(rf"{END_OF_NAME}{FEW_WORDS}{VERB}{OPENING}{WORD}", re.IGNORECASE)
AT_ONCE = re.compile(rf"{END_OF_NAME}(?P<words>)[ \t]{{1,8}}[*_`\"'«“„(]{{0,3}}{WORD}", re.IGNORECASE)
# The value stands alone in the next line, or in the next but one.
BELOW = re.compile(
    rf"{END_OF_NAME}{FEW_WORDS}[ \t]{{0,8}}[:=—–]?[*_`]{{0,3}}[ \t]{{0,8}}\r?\n(?:[ \t]{{0,40}}\r?\n)?"
    rf"[ \t>*#/|-]{{0,40}}[`\"'«]?(?P<value>[^\s\"'`«»<>,;|\\]{{6,200}}+)[`\"'»]?[ \t]*(?:\n|\r|$)"
)
# "login / password: x / y": the second of the two.
PAIR = re.compile(
    r"[*_`\"'»”)\]]{0,3}(?P<words>(?:[ \t]{1,4}[^\s:=—–→\"'`(){}\[\]<>;]{1,30}){0,5}?)"
    r"[ \t]{0,8}(?:[:=→—–(]|-(?=[ \t])|\bis\b)[ \t]{0,8}"
    r"[*_`\"'«“(]{0,3}[^\s/:,;|\"'`»]{1,64}[\"'`»*]{0,2}[ \t]{0,4}(?:[/:|,;]|и(?=\s)|and(?=\s)|[ \t])[ \t]{0,4}[*_`\"'«“]{0,3}"
    r"(?P<value>[^\s\"'`«»<>\\,;|]{4,200}+)",
    re.IGNORECASE,
)
LOGIN = bounded(
    r"(?i:(?:логин\w{0,3}|login|user(?:name)?|юзер|пользовател\w{1,2}|уч[её]т\w{1,12}|имя|email|почта)"
    r"[ \t]{0,3}(?:/|и|and|:|,|\||&|\+)[ \t]{0,3}$)"
)
ACCOUNT = ("учет", "учёт", "кред", "доступ", "cred")
COMMENT = bounded(
    r"[ \t]{0,200}(?:#|//|/\*|\*|--|;|<!--|%|'|\"\"\"|'''|REM |\.\. |\||- |\d+\. |[•–—>])|.*(?:\s#|\s//|/\*|<!--|\s--\s)"
)
LABEL = bounded(r"[\w \t,.!'’–—-]{0,200}")
TRAILING = ".,;:)]}|"
LINE_LIMIT = 300
SIGNS = 3
WORD_AND_NUMBER = bounded(r"[^\W\d_]{4,}[-_.]\d{3,}", longest=200)
# Code: a call, a member, a subscript, an assignment.
EXPRESSION = bounded(r"[A-Za-z_][\w.]*(?:[(\[{]|=[^=]|![rsa]\}|\.[a-z_]+$)|-?\d+[(\[{]|\W*[\[{(]|//|\w+=")
# Before what is told to be no secret: "h1:…" in go.sum, "sha256: …", "commit: …".
DIGEST_LABEL = bounded(
    r"(?i:(?:.*[^\w-])?(?:h1|sha-?\d{1,3}|md5|sum|checksum|digest|integrity|fingerprint|commit|revision)[\"'`)\]]{0,3})",
    longest=700,
)
TOKEN = bounded(r"[\w+/.~:-]+={0,2}")
PIN = bounded(r"\d{4,8}", longest=8)
COMMON_PINS = frozenset(("0000", "1111", "1234", "4321", "12345"))


def find_told(text: str, name: Name, *, prose: bool) -> Span | None:
    """Return the secret that follows a name in prose, in a comment, a table or a docstring, if one does."""
    natural = NATURAL.match(text, name.end)
    if name.tail < 0 and not natural:
        return None
    end = max(name.tail, natural.end() if natural else 0)
    since = max(0, name.start - LINE_LIMIT)
    line = text[max(since, text.rfind("\n", since, name.start) + 1) : name.start]
    found = PAIR.match(text, end) if _names_a_pair(text, name, line) else None
    if found and _is_chosen(_trimmed(found["value"])) and not DIGEST_LABEL.fullmatch(found["words"]):
        return _span(found, name.kind)
    loose = name.tail >= 0 or prose or bool(COMMENT.match(line)) or bool(LABEL.fullmatch(line))
    for match in (BY_SIGN.match, BY_VERB.match):
        if span := _told_by(match, text, end, name.kind, loose=loose):
            return span
    if span := _told_by(AT_ONCE.match, text, end, name.kind, loose=loose and name.tail >= 0):
        return span
    found = BELOW.match(text, end)
    if (
        found
        and name.kind not in ("code", "pin")
        and not EXPRESSION.match(found["value"])
        and looks_mixed(found["value"])
    ):
        return _span(found, name.kind)
    return None


def _told_by(
    match: Callable[[str, int], re.Match[str] | None], text: str, end: int, kind: str, *, loose: bool
) -> Span | None:
    """Return the secret behind the first sign or verb that one stands behind: "password - the new one: …"."""
    at = end
    for _ in range(SIGNS):
        found = match(text, at)
        if not found or DIGEST_LABEL.fullmatch(found["words"]):
            return None
        if _is_told(_trimmed(found["value"]), kind, loose=loose, direct=at == end and not found["words"]):
            return _span(found, kind)
        at = found.start("value")
    return None


def _names_a_pair(text: str, name: Name, line: str) -> bool:
    return bool(LOGIN.search(line[-40:])) or text[name.start : name.start + 6].lower().startswith(ACCOUNT)


def _is_chosen(value: str) -> bool:
    return looks_chosen(value) or _is_word_and_number(value)


def _is_word_and_number(value: str) -> bool:
    """Tell whether a value is one like "Kotik_9921"."""
    return bool(WORD_AND_NUMBER.fullmatch(value)) and not TECHNICAL.fullmatch(value) and not is_placeholder(value)


def _trimmed(value: str) -> str:
    if value.endswith(("...", "…")):
        return ""
    value = value.rstrip(TRAILING)
    return value.rstrip("*_") if value.endswith(("**", "__")) else value


def _span(found: re.Match[str], kind: str) -> Span:
    start = found.start("value")
    return Span(start, start + len(_trimmed(found["value"])), kind)


def _is_told(value: str, kind: str, *, loose: bool, direct: bool) -> bool:
    if kind == "pin":
        return direct and bool(PIN.fullmatch(value)) and value not in COMMON_PINS
    if EXPRESSION.match(value) or (kind == "secret" and TYPE.search(value)):
        return False
    if kind in ("token", "key"):
        return (
            bool(TOKEN.fullmatch(value))
            and not TYPE.search(value)
            and not is_placeholder(value)
            and looks_random(value, 4.0 if loose and direct else 3.0)
        )
    if loose and direct and _is_word_and_number(value):
        return True
    return looks_chosen(value) if loose else looks_mixed(value)
