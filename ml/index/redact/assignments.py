"""Values that are given to a name which says that they are secret, in any language and most formats."""

from collections.abc import Iterator
from dataclasses import dataclass
from re import Match

from ml.index.redact.names import Name, find_names
from ml.index.redact.prose import COMMON_PINS, PIN, find_told
from ml.index.redact.spans import (
    DIGEST_OR_PLACE,
    NAME,
    TECHNICAL,
    TYPE,
    WORDS_ALONE,
    Span,
    is_placeholder,
    looks_chosen,
    looks_random,
)
from ml.index.redact.values import REST, VALUE, VALUE_OF_WHOLE_NAME, Strings
from ml.patterns import bounded

FLAG = bounded(r"--[\w-]{0,24}$|\n[ \t]{0,24}(?:ENV|ARG)[ \t]+\w{0,24}$")
FLAG_VALUE = bounded(rf"(?i:{REST}[ =]['\"]?(?P<bare>[^\s\"'`]{{4,}}+))")

# Formats in which a bare word is a value. JSON is not among them: translations are JSON, too.
SETTINGS = bounded(
    r"(?i:\.(?:ya?ml|toml|ini|cfg|conf|config|cnf|properties|props|env|sh|bash|zsh|ksh|fish|ps1|bat|cmd|tfvars|service)$"
    r"|(?:^|/)(?:Dockerfile[^/]{0,99}|\.?(?:env|envrc|npmrc|pypirc|my\.cnf|s3cfg|boto|credentials)|pip\.conf)$)"
)
PROSE = bounded(
    r"(?i:\.(?:md|markdown|mdx|rst|txt|adoc|asciidoc|org|tex|html?|xhtml|csv|tsv|log|eml|wiki|textile)$|^$)"
)
CONNECTION_PART = bounded(
    r"(?i:\b(?:server|srvr|data source|host|user ?id|uid|usr|user(?:name)?|database|initial catalog|endpoint|account ?name)"
    r"\s{0,9}=[^=])"
)
# A line of settings in a text that may hold any: a name, and one value up to the end of the line.
SETTING_LINE = bounded(r"[ \t]{0,40}(?:[-*#;]{1,2}[ \t]{1,4})?(?:export[ \t]+|set[ \t]+|\$env:)?[\"']?[\w.:-]{0,60}$")
ITEM = bounded(r"[\"'],?\s{0,80}[\"'](?P<value>[^\"'\s]{6,200})(?=[\"'])")
AFTER_AND = bounded(r"[^\s\"'`,;<>(){}\[\]|\\]{1,200}")
# Sixteen letters of no word, as Yandex and Google make for an application.
CONSONANTS = bounded(r"(?=[a-z]{16}$)[a-z]{0,11}?[bcdfghjklmnpqrstvwxz]{5}", longest=16)
SHORTEST = 4
KINDS = {"code": "password", "pin": "password"}
LINE_LIMIT = 300
WINDOW = 48
# How often prose may be read for a secret in vain: a text of nothing but names would take seconds.
FEW, CHARACTERS_A_TRY = 1_000, 150
PASTED = frozenset(("", "question.txt", "answer.txt"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a text stands: in a format where a bare word is a value, in prose, or pasted where any may be."""

    settings: bool
    prose: bool
    pasted: bool


def find_assignments(path: str, text: str, lower: str, anchors: frozenset[str]) -> Iterator[Span]:
    """Yield the values of names such as `db_password`, `API_KEY`, `clientSecret` or `пароль`."""
    end_of_path = path[-1_000:]
    place = Place(bool(SETTINGS.search(end_of_path)), bool(PROSE.search(end_of_path)), path in PASTED)
    vain = FEW + len(text) // CHARACTERS_A_TRY
    for names in find_names(text, lower, anchors):
        strings, after = Strings(text), 0
        for name in names:
            if name.start < after:
                continue
            span = _value(text, strings, name, place)
            if not span and vain:
                span = find_told(text, name, prose=place.prose)
                vain -= not span
            if span:
                for one in (span, *_listed(text, span)):
                    yield Span(one.start, one.end, KINDS.get(one.kind, one.kind))
                    after = one.end


def _value(text: str, strings: Strings, name: Name, place: Place) -> Span | None:
    found = _following(text, name)
    flag = not found and _is_flag(text, name.start)
    if flag:
        found = FLAG_VALUE.match(text[max(name.end, name.tail) : name.end + LINE_LIMIT])
    if not found:
        return None
    quote = None if flag else found["quote"]
    if quote:
        start, end = found.end(), strings.end(quote, found.end())
    else:
        start, end = found.span("bare")
        start, end = (start + max(name.end, name.tail), end + max(name.end, name.tail)) if flag else (start, end)
        end = _end_of_bare(text, start, end) if place.settings else end
    if end - start < SHORTEST:
        return None
    settings = (
        place.settings or flag or _is_connection(text, name.start) or (place.pasted and _is_line(text, name, end))
    )
    if not _is_secret(text[start:end], name, bare=not (quote or text[start - 1] == ">"), settings=settings):
        return None
    return Span(start, end, name.kind)


def _listed(text: str, first: Span) -> Iterator[Span]:
    """Yield the other secrets of a list of strings: `"ApiKeys": ["…", "…"]`."""
    at = first.end
    if not text[max(0, first.start - LINE_LIMIT) : max(0, first.start - 1)].rstrip().endswith("["):
        return
    while item := ITEM.match(text[at : at + LINE_LIMIT]):
        if not is_placeholder(item["value"]) and (first.kind == "password" or looks_random(item["value"])):
            yield Span(at + item.start("value"), at + item.end("value"), first.kind)
        at += item.end("value")


def _end_of_bare(text: str, start: int, end: int) -> int:
    """Return where a bare value ends, which may hold an "&" where it is no part of an address."""
    if text[end : end + 1] != "&" or text[end + 1 : end + 2] in ("&", " ", ""):
        return end
    line = text[max(0, start - LINE_LIMIT, text.rfind("\n", max(0, start - LINE_LIMIT), start)) : start]
    found = None if "?" in line or "://" in line or "&" in line else AFTER_AND.match(text[end : end + LINE_LIMIT])
    return end + found.end() if found else end


def _following(text: str, name: Name) -> Match[str] | None:
    if name.tail < 0:
        return VALUE.match(text, name.end)
    return VALUE_OF_WHOLE_NAME.match(text, name.tail)


def _is_flag(text: str, at: int) -> bool:
    window = text[max(0, at - WINDOW) : at]
    return bool(FLAG.search(window if at > WINDOW else "\n" + window))


def _is_line(text: str, name: Name, end: int) -> bool:
    """Tell whether a name begins a line, and its value ends it, as in a file of settings."""
    before = text[text.rfind("\n", max(0, name.start - LINE_LIMIT), name.start) + 1 : name.start]
    return text[end : end + 1] in ("", "\n", "\r") and bool(SETTING_LINE.match(before))


def _is_connection(text: str, at: int) -> bool:
    """Tell whether a place is in a connection string: "Server=db;User Id=me;Password=..." or "host=db password=..."."""
    line = text[max(0, at - LINE_LIMIT, text.rfind("\n", max(0, at - LINE_LIMIT), at) + 1) : at]
    parted = line.rstrip(" ").endswith(";") or (line.endswith(" ") and line.rstrip(" ")[-1:].isalnum())
    return parted and bool(CONNECTION_PART.search(line))


def _is_secret(value: str, name: Name, *, bare: bool, settings: bool) -> bool:
    kind = name.kind
    if kind == "pin":
        return bool(PIN.fullmatch(value)) and value not in COMMON_PINS
    if is_placeholder(value) or DIGEST_OR_PLACE.match(value):
        return False
    if kind == "code":
        return looks_chosen(value) or (not bare and value.isalpha())
    if kind in ("token", "key") or (bare and (kind == "secret" or not settings)):
        if settings or not bare:
            return looks_random(value)
        return looks_random(value, 3.0) and not NAME.fullmatch(value) and not TYPE.search(value)
    return _is_password(value, settings and kind == "password")


def _is_password(value: str, settings: bool) -> bool:
    """Tell whether a value may be a password that a person chose; a plain word may only in settings."""
    if any(character.isspace() for character in value):
        return False
    if TECHNICAL.fullmatch(value):
        return False
    if WORDS_ALONE.fullmatch(value) or (not settings and NAME.fullmatch(value)):
        by_sight = (settings and value.islower()) or value.count("-") > 2 or bool(CONSONANTS.match(value))
        return value.isascii() and by_sight
    return len(value) >= 6 or any(map(str.isdigit, value))
