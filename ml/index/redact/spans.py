"""Where a secret stands, and what is no secret although it looks like one."""

from collections.abc import Iterator
from dataclasses import dataclass

from ml.patterns import bounded

LONGEST = 4_096


@dataclass(frozen=True, slots=True)
class Span:
    """A secret's place in the text, and what kind of secret it is."""

    start: int
    end: int
    kind: str


def positions(text: str, anchor: str) -> Iterator[int]:
    """Yield the places where a string stands in a text."""
    at = text.find(anchor)
    while at >= 0:
        yield at
        at = text.find(anchor, at + len(anchor))


# What stands for a value that comes from elsewhere.
VARIABLE = bounded(
    r"\$\{|\$\(|#\{|\{\{|\{[^{}\s]*\}"  # ${VAR}, $(command), #{expression}, {{ template }}, {name}
    r"|%[sdv(]|^%\w+%$|^@\w+@$|^__\w+__$|<[\w .:/-]*>"  # %s, %(name)s, %VAR%, @VAR@, __NAME__, <name>
    r"|^\$(?:[A-Za-z_]\w*|[\d@*?#!])$|^[*&]\w+$|^\[|^ENC\[|\.{3}|…"  # $VAR, $1, an anchor of YAML, a list, an ellipsis
    r"|^(?:\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}|\\[0-7]{1,3}|\\[nrtabfv])+$",  # bytes
    longest=LONGEST,
)
EXAMPLE_WORDS = """
    password passwords passwd passphrase pass pwd pw secret secrets token tokens apikey key keys api credential
    credentials creds auth access refresh client bearer basic user username admin root guest name login hash hashed
    fake dummy mock stub test tests testing sample demo example default change changed changeit me my your the a an
    some any this that is not no of for to in with and or here new old foo bar baz qux quux foobar string str text
    value val null none nil undefined true false yes empty blank required optional hidden invalid valid wrong
    correct bad good super very secure insecure private public id env var variable placeholder insert replace
    redacted masked removed todo fixme tbd xxx abc def data type number int integer object array bool boolean
    postgres mysql redis mongo rabbitmq localhost host database db app server service account signing encryption jwt
    csrf session cookie header query body form field input label plain raw file path url uri
    пароль пароля паролем секрет токен токена ключ логин ваш твой мой моя пример тест тестовый новый старый значение
    строка пользователь пользователя админ имя сюда здесь без нет да не или и от для из
"""
EXAMPLES = frozenset(EXAMPLE_WORDS.split())
# A value that is made of nothing but such words, short numbers and punctuation is an example.
EXAMPLE = bounded(
    rf"(?i:(?:{'|'.join(sorted(EXAMPLES, key=lambda word: (-len(word), word)))}|\\[nrt]|(?<!\d)\d{{1,4}}(?!\d)|[\W_])*+)",
    longest=LONGEST,
)
EXAMPLE_PART = bounded(
    r"(?i:example|placeholder|change[-_ ]?(?:me|it|this)|\byour[-_]|redacted|dummy|replace[-_ ]?(?:me|with)|x{4}|\*{3}"
    r"|123456|234567|abcdef|deadbeef|lorem|foobar)",
    longest=LONGEST,
)
# sha256:…, an address, a date, a version, a path: nothing that anybody keeps secret.
DIGEST_OR_PLACE = bounded(
    r"(?:sha\d+|md5|blake\w+)[:-]|data:|urn:|[a-z][a-z0-9+.-]{0,30}://|\d{4}-\d\d-\d\d|v?\d+(?:\.\d+)+"
    r"|\.{0,2}/[\w.-]{1,16}/|\$\w+/|~/|[A-Z]:\\|application/",
    longest=LONGEST,
)
WORDS_AND_NUMBERS = bounded(r"(?:[A-Za-z]*(?:\d{1,4}[a-z]?)?(?:[-_./: ]++|$))*+", longest=LONGEST)
HUMP = bounded(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", longest=LONGEST)
DIGITS = bounded(r"\d+", longest=LONGEST)
# What carries a number in its name and is no password.
TECHNICAL = bounded(
    r"(?i:(?:utf|ucs|sha|md|base|oauth|ipv|http|https|rfc|iso|es|rs|hs|ps|aes|des|rsa|ed|curve|secp|pbkdf|argon|bcrypt|scrypt"
    r"|blake|python|py|php|java|windows|win|u?int|float|char|varchar|string|bytes?|vec|arr|list|len|max|min|step|version|ver"
    r"|page|line|level|part|chapter|section|table|figure|issue|bug|pr|cve|pep|owasp|nist|tls|ssl|openssl|sslv|tlsv"
    r"|column|field|arg|param|option|item|index|row|node|group|team|phase|stage|gpt|llama)"
    r"[-_ ]?\d{1,5}(?:[-_./:]?[a-z0-9]{0,12}){0,3}"
    r"|[vxpiklsh]\d{1,4}[a-z]?|\d{1,5}-?(?-i:[a-zа-я]{1,12})|\d+(?:st|nd|rd|th)|0x[0-9a-f]{1,8}|(?-i:[A-Z]{1,4}\d{3,5}))",
    longest=200,
)
# The name of a class or of an attribute, and no token.
TYPE = bounded(
    r"(?:^|[a-z0-9_.])(?:Token|Auth|Credential|Private|Public|Secret|Client|Type|Key|private|public|secret)(?:[A-Z_]|s?$)"
    r"|[a-z]_(?:key|token|auth|secret|credential)s?$",
    longest=LONGEST,
)
NAME = bounded(r"[._/:]*[A-Za-z]+\d*(?:[._/:]+[A-Za-z]+\d*)+", longest=600)
WORDS_ALONE = bounded(r"[-_./:]*[^\W\d_]+(?:[-_./: ]+[^\W\d_]+)*[-_./:]*", longest=LONGEST)
PLAIN_PARTS = bounded(r"(?:[^\W\d_]++|\d{1,4})(?:[-_./:,'’]++(?:[^\W\d_]++|\d{1,4})?)++", longest=200)
ODD = frozenset("!@#$%^&*+=?~")


def is_placeholder(value: str) -> bool:
    """Tell whether a value stands for a secret rather than being one."""
    return bool(
        len(set(value)) <= 2
        or value.strip("-:").lower() in EXAMPLES  # what EXAMPLE matches, too, in more time
        or VARIABLE.search(value)
        or EXAMPLE_PART.search(value)
        or EXAMPLE.fullmatch(value)
    )


def looks_random(value: str, longest_hump: float = 4.0) -> bool:
    """Tell whether a value looks like a generated key: mixed characters, no words, digest, version, date or path.

    In words the humps ("get", "User", "256") are longer than `longest_hump` on average, in a random string shorter.
    """
    if len(value) < 8 or any(character.isspace() for character in value):
        return False
    letters, digits = sum(map(str.isalpha, value)), sum(map(str.isdigit, value))
    if not letters or not (digits or (len(value) >= 20 and not value.islower() and not value.isupper())):
        return False
    if DIGEST_OR_PLACE.match(value) or (digits and WORDS_AND_NUMBERS.fullmatch(value) and not _is_dense(value)):
        return False
    return (letters + digits) < longest_hump * _humps(value)


def looks_chosen(value: str) -> bool:
    """Tell whether a word of prose is a password that a person could have chosen: no word, name or number of prose."""
    if len(value) < 5 or is_placeholder(value) or DIGEST_OR_PLACE.match(value) or TECHNICAL.fullmatch(value):
        return False
    letters, digits = sum(map(str.isalpha, value)), sum(map(str.isdigit, value))
    if not digits:
        return letters >= 5 and (_has_odd_inside(value) or (len(value) >= 8 and letters < 2 * _humps(value)))
    if not letters:
        return digits >= 6 and (digits == len(value) or not ODD.isdisjoint(value))
    return not PLAIN_PARTS.fullmatch(value) or looks_random(value)


def looks_mixed(value: str) -> bool:
    """Tell whether a word of prose can hardly be anything but a password: a digit, letters and more than a name has."""
    if not looks_chosen(value):
        return False
    digits = sum(map(str.isdigit, value))
    odd = ODD.intersection(value if digits > 1 else value.rstrip("!?"))
    if odd and digits and any(map(str.isalpha, value)) and "=" not in value and "@" not in value[1:-1]:
        return True
    return looks_random(value, 3.0) and not NAME.fullmatch(value)


def _has_odd_inside(value: str) -> bool:
    """Tell whether letters stand on both sides of a sign that words are not joined by."""
    return any(
        sign in "!#$%^~" and value[at - 1].isalpha() and value[at + 1].isalpha()
        for at, sign in enumerate(value[1:-1], start=1)
    )


def _humps(value: str) -> int:
    return sum(1 for _ in HUMP.finditer(value))


def _is_dense(value: str) -> bool:
    """Tell whether letters and digits alternate as they do in hex and base 32, and not in "sha256-v2"."""
    return sum(1 for _ in DIGITS.finditer(value)) >= 4
