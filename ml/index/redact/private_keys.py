"""Private keys: of many lines, or of one with "\\n" in it, plain or within the string literals of any language."""

import re
from collections.abc import Iterator

from ml.index.redact.spans import Span
from ml.patterns import bounded

KIND = "private-key"
BEGIN = re.compile(r"-{4,5} ?BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)? ?-{4,5}")
END = re.compile(r"-{4,5} ?END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)? ?-{4,5}")
LONGEST = 40_000
LINE_END = bounded(r"(?:\\\\?r)?\\\\?n|\r?\n", longest=LONGEST + 100)
# What a line of a key may be set between: quotes, a comment's or a list's marks, a line continuation.
TRIM = " \t\"'`+,;.\\#*/|>()[]:<-%"
MATERIAL = re.compile(r"[A-Za-z0-9+/=_-]*|[A-Za-z-]+: .*|=?\w{4}")
PUTTY = re.compile(
    r"^PuTTY-User-Key-File-\d: .*\n(?:.*\n){0,20}?Private-Lines: \d+\n(?P<key>(?:[A-Za-z0-9+/=]+\n)+)", re.MULTILINE
)
KEY_FILE = bounded(
    r"(?i:(?:^|/)(?:id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?|[^/]*\.(?:key|pem|ppk|pk8)|secring\.\w+|master\.key)$)",
    longest=300,
)
BLOB = re.compile(r"^[ \t]*(?P<key>[A-Za-z0-9+/=_-]{16,})[ \t]*$", re.MULTILINE)
JWK = re.compile(r"\"(?:d|k|p|q|dp|dq|qi)\"\s*:\s*\"(?P<key>[\w-]{20,})\"")


def find_private_keys(path: str, text: str) -> Iterator[Span]:
    """Yield the private keys of a text; in a key file also what has no marks around it."""
    if "PRIVATE KEY" in text:
        yield from _blocks(text)
    if "PuTTY-User-Key-File" in text:
        yield from (Span(*found.span("key"), KIND) for found in PUTTY.finditer(text))
    if '"kty"' in text:
        yield from (Span(*found.span("key"), KIND) for found in JWK.finditer(text))
    if KEY_FILE.search(path[-300:]):
        yield from (Span(*found.span("key"), KIND) for found in BLOB.finditer(text))


def _blocks(text: str) -> Iterator[Span]:
    at = 0
    while begin := BEGIN.search(text, at):
        at = begin.end()
        following = BEGIN.search(text, at, at + LONGEST)
        limit = following.start() if following else min(len(text), at + LONGEST)
        end = END.search(text, at, limit)
        if end and _is_key(text[at : end.start()]):
            yield Span(begin.start(), end.end(), KIND)
            at = end.end()
        elif length := _unfinished(text[at:limit]):
            yield Span(begin.start(), at + length, KIND)
            at += length


def _is_key(body: str) -> bool:
    """Tell whether what stands between the marks is a key, and not the code that looks for the marks."""
    lines = [line.strip(TRIM) for line in _lines(body)]
    return all(map(MATERIAL.fullmatch, lines)) and sum(map(len, lines)) >= 24


def _lines(body: str) -> Iterator[str]:
    at = 0
    for ending in LINE_END.finditer(body):
        yield body[at : ending.start()]
        at = ending.end()
    yield body[at:]


def _unfinished(body: str) -> int:
    """Return the length of a key whose end mark is missing: up to the last line that can belong to it, or 0."""
    at = length = 0
    for ending in LINE_END.finditer(body):
        line = body[at : ending.start()].strip(TRIM)
        if at and (not MATERIAL.fullmatch(line) or (len(line) < 20 and length == 0)):
            break
        length += len(line)
        at = ending.start() if not line else ending.end()
    return at if length >= 24 else 0
