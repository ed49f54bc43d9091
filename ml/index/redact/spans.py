"""Where a secret stands, and what is no secret although it looks like one."""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """A secret's place in the text, and what kind of secret it is."""

    start: int
    end: int
    kind: str


# What stands for a value that comes from elsewhere.
VARIABLE = re.compile(
    r"\$\{|\$\(|#\{|\{\{|\{[^{}\s]*\}"  # ${VAR}, $(command), #{expression}, {{ template }}, {name}
    r"|%[sdv(]|^%\w+%$|^@\w+@$|^__\w+__$|<[\w .:/-]*>"  # %s, %(name)s, %VAR%, @VAR@, __NAME__, <name>
    r"|^\$(?:[A-Za-z_]\w*|[\d@*?#!])$|^[*&]\w+$|^\[|^ENC\[|\.{3}|…"  # $VAR, $1, an anchor of YAML, a list, an ellipsis
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
"""
# A value that is made of nothing but such words, short numbers and punctuation is an example.
EXAMPLE = re.compile(
    rf"(?:{'|'.join(sorted(EXAMPLE_WORDS.split(), key=len, reverse=True))}|\\[nrt]|(?<!\d)\d{{1,4}}(?!\d)|[\W_])*+",
    re.IGNORECASE,
)
EXAMPLE_PART = re.compile(
    r"example|placeholder|change[-_ ]?(?:me|it)|\byour[-_]|redacted|dummy|replace[-_ ]?(?:me|with)|x{4}|\*{3}"
    r"|123456|234567|abcdef|qwerty|deadbeef|lorem|foobar",
    re.IGNORECASE,
)
# sha256:…, an address, a date, a version, a path: nothing that anybody keeps secret.
DIGEST_OR_PLACE = re.compile(
    r"(?:sha\d+|md5|blake\w+)[:-]|data:|urn:|[a-z][a-z0-9+.-]*://|\d{4}-\d\d-\d\d|v?\d+(?:\.\d+)+"
    r"|\.{0,2}/[\w.-]{1,16}/|\$\w+/|~/|[A-Z]:\\|application/"
)
WORDS_AND_NUMBERS = re.compile(r"(?:[A-Za-z]*(?:\d{1,4}[a-z]?)?(?:[-_./: ]++|$))*+")
HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")


def is_placeholder(value: str) -> bool:
    """Says whether a value stands for a secret rather than being one."""
    return bool(
        len(set(value)) <= 2 or VARIABLE.search(value) or EXAMPLE_PART.search(value) or EXAMPLE.fullmatch(value)
    )


def looks_random(value: str, longest_hump: float = 4.0) -> bool:
    """Says whether a value looks like a generated key: mixed characters, no words, digest, version, date or path.

    In words the humps ("get", "User", "256") are longer than `longest_hump` on average, in a random string shorter.
    """
    if len(value) < 8 or any(character.isspace() for character in value):
        return False
    letters, digits = sum(map(str.isalpha, value)), sum(map(str.isdigit, value))
    if not letters or not (digits or (len(value) >= 20 and not value.islower() and not value.isupper())):
        return False
    if DIGEST_OR_PLACE.match(value) or (digits and WORDS_AND_NUMBERS.fullmatch(value) and not _is_dense(value)):
        return False
    return (letters + digits) < longest_hump * len(HUMP.findall(value))


def _is_dense(value: str) -> bool:
    """Says whether letters and digits alternate as they do in hex and base 32, and not in "sha256-v2"."""
    return len(re.findall(r"\d+", value)) >= 4
