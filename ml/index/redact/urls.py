"""Credentials in addresses, and in the headers and options that are sent there."""

import re
from collections.abc import Iterator

from ml.index.redact.spans import Span, is_placeholder, looks_random

# scheme://user:password@host; a password may hold a slash where it is not followed by another address.
USER_AND_PASSWORD = re.compile(
    r"://[^\s:/@'\"`<>]{0,99}:(?P<secret>[^\s/@'\"`<>]{1,256}|[^\s@'\"`<>]{4,256})@(?=[\w.\[$%{-])"
)
TOKEN_AS_USER = re.compile(r"://(?P<secret>[\w.~-]{20,})@[\w.-]")
ORACLE = re.compile(r"jdbc:oracle:thin:[\w.-]+/(?P<secret>[^\s@/'\"]+)@")
CURL_USER = re.compile(r"-(?:u|-user|-proxy-user)[ =]?['\"]?[\w.@-]{1,64}:(?P<secret>[^\s'\"]{4,})")
SCHEME = re.compile(r"[Bb](?:earer|asic)[ +](?P<secret>[\w.~+/=-]{16,})")
AUTHORIZATION = re.compile(r"uthorization[\"']?\s*(?:[:=,]|=>)\s*[\"'`]?(?:[A-Za-z-]+ +)?(?P<secret>[\w.~+/=-]{16,})")


def find_credentials(text: str) -> Iterator[Span]:
    """Gives the passwords and tokens in URLs, in HTTP's Authorization header and in curl's options."""
    if "://" in text and "@" in text:
        yield from _spans(text, USER_AND_PASSWORD, "url-password")
        yield from _random_spans(text, TOKEN_AS_USER, "url-token")
    if "jdbc:oracle" in text:
        yield from _spans(text, ORACLE, "url-password")
    if "curl " in text:
        yield from _spans(text, CURL_USER, "http-authorization")
    if "earer" in text or "asic " in text:
        yield from _random_spans(text, SCHEME, "http-authorization")
    if "uthorization" in text:
        yield from _random_spans(text, AUTHORIZATION, "http-authorization")


def _spans(text: str, pattern: re.Pattern[str], kind: str) -> Iterator[Span]:
    for found in pattern.finditer(text):
        if not is_placeholder(found["secret"]):
            yield Span(*found.span("secret"), kind)


def _random_spans(text: str, pattern: re.Pattern[str], kind: str) -> Iterator[Span]:
    for span in _spans(text, pattern, kind):
        if looks_random(text[span.start : span.end]):
            yield span
