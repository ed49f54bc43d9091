"""Keys without a form of their own that stand near something that has one: a service's identifier, or its name."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from ml.index.redact.spans import Span, is_placeholder
from ml.patterns import Bounded, bounded, linear

NEAR = 250
LONGEST_KEY = 90


class Pair(NamedTuple):
    """An identifier, and the key that belongs to it."""

    kind: str
    anchors: tuple[str, ...]
    identifier: re.Pattern[str]
    key: Bounded


HEX_32 = bounded(r"(?<![\w-])[0-9a-f]{32}(?![\w-])")
HEX_40 = bounded(r"(?<![\w-])[0-9a-f]{40}(?![\w-])")
PAIRS = (
    Pair(
        "aws-secret-key",
        ("AKIA", "ASIA"),
        linear(r"\bA[KS]IA[A-Z0-9]{16}\b"),
        bounded(r"(?<![A-Za-z0-9/+=.-])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"),
    ),
    Pair(
        "twilio-key",
        tuple(f"{name}{digit}" for name in ("AC", "SK") for digit in "0123456789abcdef"),
        linear(r"\b(?:AC|SK)[0-9a-f]{32}\b"),
        HEX_32,
    ),
    Pair(
        "yandex-key",
        ("YCAJ",),
        linear(r"\bYCAJ[\w-]{20,22}"),
        bounded(r"(?<![\w/+=.-])[\w-]{40}(?![\w=-])"),
    ),
    Pair("dadata-key", ("dadata", "Dadata", "DaData", "DADATA"), linear(r"(?i)dadata"), HEX_40),
    Pair("selectel-key", ("selectel", "Selectel", "SELECTEL", "selcdn"), linear(r"(?i)selectel|selcdn"), HEX_32),
    Pair(
        "vk-token",
        ("api.vk.com", "vk_api", "VkApi"),
        linear(r"api\.vk\.com|vk_api|VkApi"),
        bounded(r"(?<![\w-])[0-9a-f]{85}(?![\w-])"),
    ),
)
ANCHORS = tuple(anchor for pair in PAIRS for anchor in pair.anchors)


def find_neighbours(text: str, anchors: frozenset[str]) -> Iterator[Span]:
    """Yield the keys within a few lines of an identifier that tells what they are; `anchors` are those in the text."""
    for pair in PAIRS:
        if not anchors.isdisjoint(pair.anchors):
            yield from _near(text, pair)


def _near(text: str, pair: Pair) -> Iterator[Span]:
    looked_at = 0
    for identifier in pair.identifier.finditer(text):
        if is_placeholder(identifier[0]):
            continue
        start, end = max(looked_at, identifier.start() - NEAR), identifier.end() + NEAR
        base = max(0, start - 1)  # a key does not begin in the middle of a word
        yield from (
            Span(base + key.start(), base + key.end(), pair.kind)
            for key in pair.key.finditer(text[base:end])
            if base + key.start() >= start and _is_key(key[0], pair)
        )
        looked_at = max(looked_at, end - LONGEST_KEY)


def _is_key(value: str, pair: Pair) -> bool:
    if is_placeholder(value) or not any(map(str.isdigit, value)):
        return False
    mixed = any(map(str.islower, value)) and any(map(str.isupper, value))
    return mixed or pair.key is HEX_32 or pair.key is HEX_40 or len(value) > 80
