"""Credentials in addresses, and in the headers and options that are sent there."""

import re
from collections.abc import Iterator

from ml.index.redact.commands import LONGEST_COMMAND, end_of_command
from ml.index.redact.spans import Span, is_placeholder, looks_random, positions
from ml.patterns import bounded

# scheme://user:password@host; a password may hold a slash where it is not followed by another address.
USER_AND_PASSWORD = re.compile(
    r"://[^\s:/@'\"`<>]{0,99}:(?P<secret>[^\s/@'\"`<>]{1,256}+|[^\s@'\"`<>]{4,256}+)@(?=[\w.\[$%{-])"
)
TOKEN_AS_USER = re.compile(r"://(?P<secret>[\w.~-]{20,512}+)@[\w.-]")
LONGEST_USER = 520
ORACLE = re.compile(r"jdbc:oracle:thin:[\w.-]{1,99}/(?P<secret>[^\s@/'\"]{1,256}+)@")
CURL_USER = bounded(
    r"-(?:u|-user|-proxy-user)[ =]?['\"]?[\w.@-]{1,64}:(?P<secret>[^\s'\"]{4,256})", longest=LONGEST_COMMAND + 9
)
SCHEME = re.compile(r"(?:earer|asic)[ +](?P<secret>[\w.~+/=-]{16,4096}+)")
AUTHORIZATION = re.compile(
    r"uthorization[\"']?\s{0,80}(?:[:=,]|=>)\s{0,80}[\"'`]?(?:[A-Za-z-]{1,40}+ {1,8})?(?P<secret>[\w.~+/=-]{16,4096}+)"
)
HEADERS = (("earer ", SCHEME), ("earer+", SCHEME), ("asic ", SCHEME), ("uthorization", AUTHORIZATION))


def find_credentials(text: str) -> Iterator[Span]:
    """Yield the passwords and tokens in URLs, in HTTP's Authorization header and in curl's options."""
    if "://" in text and "@" in text:
        yield from _in_addresses(text)
    if "jdbc:oracle" in text:
        yield from _spans(text, "jdbc:oracle", ORACLE, "url-password")
    if "curl " in text:
        yield from _of_curl(text)
    for anchor, pattern in HEADERS:
        if anchor in text:
            for span in _spans(text, anchor, pattern, "http-authorization"):
                if looks_random(text[span.start : span.end]):
                    yield span


def _in_addresses(text: str) -> Iterator[Span]:
    sign = -1
    for at in positions(text, "://"):
        if 0 <= sign < at or sign < 0:
            sign = text.find("@", at)
        if sign < 0:
            return
        if sign - at > LONGEST_USER:
            continue
        if (found := USER_AND_PASSWORD.match(text, at)) and not is_placeholder(found["secret"]):
            yield Span(*found.span("secret"), "url-password")
        elif (found := TOKEN_AS_USER.match(text, at)) and _is_token(found["secret"]):
            yield Span(*found.span("secret"), "url-token")


def _is_token(value: str) -> bool:
    return not is_placeholder(value) and looks_random(value)


def _of_curl(text: str) -> Iterator[Span]:
    after = 0
    for at in positions(text, "curl "):
        if at >= after:
            after = end_of_command(text, at)
            for found in CURL_USER.finditer(text[at:after]):
                if not is_placeholder(found["secret"]):
                    yield Span(at + found.start("secret"), at + found.end("secret"), "http-authorization")


def _spans(text: str, anchor: str, pattern: re.Pattern[str], kind: str) -> Iterator[Span]:
    for at in positions(text, anchor):
        if (found := pattern.match(text, at)) and not is_placeholder(found["secret"]):
            yield Span(*found.span("secret"), kind)
