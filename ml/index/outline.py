"""Reads a chunk as its author wrote it for readers: signature, docstring, and where the body begins."""

import re
from dataclasses import dataclass
from inspect import cleandoc
from typing import TYPE_CHECKING

from ml.index.chunk import Chunk
from ml.index.languages import LANGUAGES
from ml.index.languages.definitions import Definition, definitions

if TYPE_CHECKING:
    from tree_sitter import Node

# What begins or ends a line of a comment, over all languages; tags of C#'s XML comments too.
MARKS = re.compile(r"^\s*(?://[/!]?|/\*[*!]?|\*/|\*(?![*/])|--+\s?\||--+|#+!?|;+)\s?|\s*\*/\s*$|</?\w+>")
ATTRIBUTE = re.compile(r"\s*(?:@|#!?\[|\[)")
STRINGS = frozenset({"string", "string_literal", "concatenated_string"})
QUOTES = re.compile(r"""^[a-zA-Z]{0,2}("{3}|'{3}|"|')(.*?)\1$""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Outline:
    """A symbol's signature on one line, its docstring without comment marks, the file's line where its body begins."""

    signature: str = ""
    docstring: str = ""
    body_start: int = 0


def outline(chunk: Chunk) -> Outline:
    """Gives the outline of the first definition in a chunk; without signature and docstring where there is none."""
    language = LANGUAGES.get(chunk.language)
    found, _ = definitions(language, chunk.text.encode("utf-8", "replace")) if language else ([], ())
    if not found:
        return Outline(body_start=chunk.line_start)
    first = found[0]
    body = first.node.child_by_field_name("body")
    documented = _string_at_start(body) if body else None
    if documented is not None:
        row, docstring = documented.end_point[0] + 1, _unquoted(documented)
    else:
        row, docstring = (body or first.node).start_point[0], _comment_above(chunk.text, first)
        row += row == first.line and first.end > first.line  # a body that begins behind its signature, on the same line
    return Outline(first.signature, docstring, chunk.line_start + row)


def _string_at_start(body: "Node") -> "Node | None":
    first = body.named_children[0] if body.named_children else None
    if first is not None and first.type == "expression_statement" and first.named_children:
        first = first.named_children[0]
    return first if first is not None and first.type in STRINGS else None


def _unquoted(string: "Node") -> str:
    text = (string.text or b"").decode("utf-8", "replace")
    quoted = QUOTES.match(text)
    return cleandoc(quoted[2]) if quoted else text


def _comment_above(text: str, first: Definition) -> str:
    above = text.split("\n")[first.start : first.line]
    stripped = [MARKS.sub("", line).rstrip() for line in above if not ATTRIBUTE.match(line)]
    return cleandoc("\n".join(stripped)).strip()
