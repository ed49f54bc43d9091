"""A chunk: the lines of one symbol, the unit that is indexed, stored, cited and sent to the LLM."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any

SEPARATOR = re.compile(r"::|[.#/]")  # separators in a symbol's name, in any language


def digest(data: bytes) -> str:
    """Return the 128-bit BLAKE2b hex digest that identifies the content of files and chunks."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True)
class Chunk:
    """One leaf chunk. Its fields are the stored payload; lines are 1-based and inclusive.

    `symbol` is the dotted name within the file ("APIRouter.add_api_route"; "" for code at module level), `kind` one of
    KINDS, `text` the lines themselves joined by "\\n" (already redacted), `content_hash` the digest of `text`.
    """

    repo: str
    revision: str
    file_path: str
    line_start: int
    line_end: int
    language: str
    symbol: str
    kind: str
    text: str
    content_hash: str

    def payload(self) -> dict[str, str | int]:
        """Return the fields as the store's payload."""
        return {name: getattr(self, name) for name in FIELDS}

    @classmethod
    def from_payload(cls, payload: dict[str, Any]) -> "Chunk":
        """Create a chunk from a stored payload; ignore unknown fields."""
        return cls(*(payload[name] for name in FIELDS))


FIELDS = tuple(field.name for field in fields(Chunk))
KINDS = ("module", "class", "function", "method", "section", "block")


def numbered_lines(chunks: Iterable[Chunk]) -> dict[int, str]:
    """Return line number -> text for every stored line of one file; blank lines between chunks are not stored."""
    return {
        number: line for chunk in chunks for number, line in enumerate(chunk.text.split("\n"), start=chunk.line_start)
    }


def last_name(symbol: str) -> str:
    """Return the last part of a qualified name."""
    return SEPARATOR.split(symbol)[-1].strip()
