"""Redaction: secrets are taken out of a text before anything of it is embedded or stored."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ml.index.redact import calls, commands, names, neighbours, sections, tables, tokens
from ml.index.redact.assignments import find_assignments
from ml.index.redact.calls import find_in_calls
from ml.index.redact.commands import find_in_commands
from ml.index.redact.fold import fold
from ml.index.redact.formats import find_in_format
from ml.index.redact.neighbours import find_neighbours
from ml.index.redact.private_keys import find_private_keys
from ml.index.redact.sections import find_in_sections
from ml.index.redact.spans import Span
from ml.index.redact.tables import find_in_tables
from ml.index.redact.tokens import find_tokens
from ml.index.redact.urls import find_credentials
from ml.patterns import Literals

__all__ = ["Redaction", "redact"]

# Most texts hold none of these, so that most of the search is one pass over the text, and one in lower case.
ANCHORS = Literals((*tokens.ANCHORS, *neighbours.ANCHORS, *commands.ANCHORS, *calls.ANCHORS, *sections.ANCHORS))
WORDS = Literals((*names.ANCHORS, *tables.ANCHORS))


@dataclass(frozen=True, slots=True)
class Redaction:
    """A text without its secrets, and how many of which kind there were."""

    text: str
    counts: dict[str, int]


def redact(path: str, text: str) -> Redaction:
    """Replace every secret by `[REDACTED:kind]`; one of several lines is replaced in each, so that numbers stay.

    `path` tells formats such as .env, in which every value is one; it is "" for what somebody typed or pasted.
    Placeholders, variables, digests and UUIDs stay.
    """
    folded = fold(text)
    spans = _merged(
        Span(folded.original(span.start), folded.original(span.end), span.kind) for span in _found(path, folded.text)
    )
    if not spans:
        return Redaction(text, {})
    parts, at = [], 0
    for span in spans:
        parts += [text[at : span.start], _replacement(text[span.start : span.end], span.kind)]
        at = span.end
    return Redaction("".join(parts) + text[at:], dict(Counter(span.kind for span in spans)))


def _found(path: str, text: str) -> Iterator[Span]:
    """Yield all secrets, those first whose kind says most."""
    lower = text.lower()
    anchors, words = ANCHORS.found_in(text), WORDS.found_in(lower)
    yield from find_private_keys(path, text)
    yield from find_in_format(path, text)
    yield from find_tokens(text, anchors)
    yield from find_credentials(text)
    yield from find_neighbours(text, anchors)
    yield from find_in_sections(path, text, anchors)
    yield from find_assignments(path, text, lower, words)
    yield from find_in_commands(text, anchors)
    yield from find_in_calls(text, anchors)
    yield from find_in_tables(text, lower, words)


def _merged(found: Iterable[Span]) -> list[Span]:
    """Order spans and join those that overlap; the kind is that of the one found first."""
    merged: list[tuple[int, Span]] = []
    for rank, span in sorted(enumerate(found), key=lambda pair: (pair[1].start, pair[0])):
        if merged and span.start < merged[-1][1].end:
            last_rank, last = merged[-1]
            kind = last.kind if last_rank < rank else span.kind
            merged[-1] = (min(last_rank, rank), Span(last.start, max(last.end, span.end), kind))
        else:
            merged.append((rank, span))
    return [span for _, span in merged]


def _replacement(secret: str, kind: str) -> str:
    mark = f"[REDACTED:{kind}]"
    return "\n".join(mark if line.strip() else "" for line in secret.split("\n"))
