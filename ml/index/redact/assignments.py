"""Values that are given to a name which says that they are secret, in any language and most formats."""

import re
from collections.abc import Iterator

from ml.index.redact.spans import DIGEST_OR_PLACE, Span, is_placeholder, looks_random

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
}
PASSWORD = re.compile(r"pass(?:word|wd|phrase|code)")
# "key" and "pass" alone say nothing.
KEY_OF_WHAT = re.compile(
    r"(?:api|access|secret|private|encrypt(?:ion)?|crypt(?:o|ion)?|sign(?:ing|ature)?|auth|license|account|shared|master"
    r"|service|storage|app(?:lication)?|client|consumer|session|hmac|jwt|webhook|deploy|root|admin|subscription|cookie|aes"
    r"|cipher|security|write|server)[_.-]?$"
)
PASS_ALONE = re.compile(r"pass[\"']?\]?[ \t]*(?::=|=>|[:=])[ \t]*[\"'\w]")
# What is not kept secret although it is called so: Microsoft's publicKeyToken, a token that leads to the next page.
NO_SECRET = re.compile(r"(?:public[_-]?(?:key)?|page|next|continuation|sync|cancel\w*)[_-]?$")
LONGEST_PREFIX = 12

REST = (
    r"(?:word|wd|phrase|code)?s?(?:[_.-]?(?:hash|base|value|val|string|str|prod(?:uction)?|dev(?:elopment)?|test(?:ing)?"
    r"|stag(?:e|ing)|live|primary|secondary|main|default|new|old|current|backup|admin|root|user|db|plain(?:text)?|raw|b64"
    r"|base64|hex|data|id)|[_-]?\d{1,2})*+(?![A-Za-z0-9_])"
)
CLOSED = r"(?:\\*[\"'`])?[)\]}]{0,2}"
TYPE = r"(?::[ \t]*[\w&'<>\[\]?.]+(?: [\w&'<>\[\]?.]+){0,2}(?=[ \t]*=))?"
ASSIGNED = (
    r"[ \t]*=[ \t]*[\w.\[\]\"'()]{1,60}[ \t]+(?:\|\||\?\?|or)[ \t]+"
    rf"|[ \t]*{TYPE}[ \t]*(?:=>|->|<-|:=|\?\?=?|\|\|=?|==?=?|!==?|\+=|:-|:|\bor\b)[ \t]*"
    r"|[ \t]+(?=[\"'])|(?:,[ \t]*|\([ \t]*)(?=[rRbBuUfFL@$]{0,2}\\*[\"'`])|>(?=[^<\n]+</)"
    r"|:[ \t]*[|>][-+]?[ \t]*\n[ \t]+|[ \t]*\{[^{}]{0,200}?\bdefault[ \t]*=[ \t]*"
    r"|[ \t]+value[ \t]*=[ \t]*|,?\s*[\"']?value[\"']?[ \t]*[:=][ \t]*"
)
QUOTED = (
    r"[rRbBuUfFL@$]{0,2}(?P<quote>\\*(?:\"\"\"|'''|[\"'`]))"
    r"(?P<quoted>(?:(?!(?P=quote))(?:\\.|[^\\\n])){4,4096}+)(?P=quote)"
)
BARE = r"(?P<bare>[^\s\"'`,;<>(){}\[\]|&\\]{4,512}+)(?=[\s;,\"'&<}\]|\\]|$)"
VALUE = re.compile(rf"{REST}{CLOSED}(?:{ASSIGNED})(?:{QUOTED}|{BARE})", re.IGNORECASE)
FLAG = re.compile(r"--[\w-]*$|^[ \t]*(?:ENV|ARG)[ \t]+\w*$", re.MULTILINE)
FLAG_VALUE = re.compile(rf"{REST}[ =](?P<bare>[^\s\"'`]{{4,}}+)", re.IGNORECASE)

# Formats in which a bare word is a value. JSON is not among them: translations are JSON, too.
SETTINGS = re.compile(
    r"\.(?:ya?ml|toml|ini|cfg|conf|config|cnf|properties|props|env|sh|bash|zsh|ksh|fish|ps1|bat|cmd|tfvars|service)$"
    r"|(?:^|/)(?:Dockerfile[^/]*|\.?(?:env|envrc|npmrc|pypirc|my\.cnf|s3cfg|boto|credentials)|pip\.conf)$",
    re.IGNORECASE,
)
CONNECTION_PART = re.compile(
    r"\b(?:server|data source|host|user ?id|uid|user(?:name)?|database|initial catalog|endpoint|account ?name)\s*=[^=]",
    re.IGNORECASE,
)
WORDS_ALONE = re.compile(r"[-_./:]*[^\W\d_]+(?:[-_./: ]+[^\W\d_]+)*[-_./:]*")
NAME = re.compile(r"[._/:]*[A-Za-z]+\d*(?:[_./:]+[A-Za-z]+\d*)+")


def find_assignments(path: str, text: str) -> Iterator[Span]:
    """Gives the values of names such as `db_password`, `API_KEY` or `clientSecret`."""
    lower = text.lower()
    if len(lower) != len(text):  # the one letter that grows
        lower = text.replace("İ", "I").lower()
    settings = bool(SETTINGS.search(path))
    for word, kind in WORDS.items():
        at = lower.find(word)
        while at >= 0:
            end = at + len(word)
            if _tells(word, text, lower, at) and (span := _value(text, at, end, kind, settings)):
                yield span
                end = span.end
            at = lower.find(word, end)


def _tells(word: str, text: str, lower: str, at: int) -> bool:
    """Says whether a word tells of a secret, and is not part of another ("compass", "author", "hotkey")."""
    before = max(0, at - LONGEST_PREFIX)
    if NO_SECRET.search(lower, before, at):
        return False
    if word == "key":
        return bool(KEY_OF_WHAT.search(lower, before, at))
    if word == "pass" and not PASSWORD.match(lower, at) and not PASS_ALONE.match(lower, at):
        return False
    return word not in ("pass", "auth") or not text[at - 1 : at].isalpha() or text[at].isupper()


def _value(text: str, start: int, end: int, kind: str, settings: bool) -> Span | None:
    found = VALUE.match(text, end)
    flag = not found and bool(FLAG.search(text, max(0, start - 2 * LONGEST_PREFIX), start))
    if flag:
        found = FLAG_VALUE.match(text, end)
    if not found:
        return None
    group = str(found.lastgroup)
    settings = settings or flag or _is_connection(text, start)
    if not _is_secret(found[group], kind, bare=group == "bare", settings=settings):
        return None
    return Span(*found.span(group), kind)


def _is_connection(text: str, at: int) -> bool:
    """Says whether a place is in a connection string: "Server=db;User Id=me;Password=..." or "host=db password=..."."""
    line = text[max(at - 300, text.rfind("\n", 0, at) + 1) : at]
    parted = line.rstrip(" ").endswith(";") or (line.endswith(" ") and line.rstrip(" ")[-1:].isalnum())
    return parted and bool(CONNECTION_PART.search(line))


def _is_secret(value: str, kind: str, *, bare: bool, settings: bool) -> bool:
    if is_placeholder(value) or DIGEST_OR_PLACE.match(value):
        return False
    if kind in ("token", "key") or (bare and (kind == "secret" or not settings)):
        return looks_random(value) if settings or not bare else looks_random(value, 3.0) and not NAME.fullmatch(value)
    return _is_password(value, settings and kind == "password")


def _is_password(value: str, settings: bool) -> bool:
    """Says whether a value may be a password that a person chose; a plain word may only in settings."""
    if any(character.isspace() for character in value):
        return False
    if WORDS_ALONE.fullmatch(value) or (not settings and NAME.fullmatch(value)):
        return value.isascii() and ((settings and value.islower()) or value.count("-") > 2)
    return len(value) >= 6 or any(map(str.isdigit, value))
