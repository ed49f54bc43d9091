"""Reads a chunk as its author wrote it for readers: signature, docstring, and where the body begins."""

import re
from dataclasses import dataclass

from ml.index.chunk import Chunk
from ml.index.languages import LANGUAGES, parser

MARKS = re.compile(r"^\s*(?:///?!?|/\*\*?!?|\*/|\*(?!\*)|--+\|?|#+!?|;+)\s?|\s*\*/\s*$")
STRINGS = ("string", "string_literal", "interpreted_string_literal")


@dataclass(frozen=True, slots=True)
class Outline:
    """A symbol's signature on one line, its docstring without comment marks, the line in the file where its body begins."""

    signature: str = ""
    docstring: str = ""
    body_start: int = 0


def outline(chunk: Chunk) -> Outline:
    """Gives the outline of the first definition in a chunk; empty where there is none or no grammar."""
    language = LANGUAGES.get(chunk.language)
    if language is None:
        return Outline(body_start=chunk.line_start)
    from tree_sitter import QueryCursor

    from ml.index.split import _extent, _signature

    made_parser, query = parser(language.name)
    data = chunk.text.encode("utf-8", "replace")
    matches = QueryCursor(query).matches(made_parser.parse(data).root_node)
    nodes = [captures[kind][0] for _, captures in matches for kind in ("class", "function") if kind in captures]
    if not nodes:
        return Outline(body_start=chunk.line_start)
    node = min(nodes, key=lambda one: one.start_byte)
    start, _, _ = _extent(language, node)
    body = node.child_by_field_name("body")
    lines = chunk.text.split("\n")
    above = [MARKS.sub("", line).strip() for line in lines[start : node.start_point[0]]]
    docstring = "\n".join(line for line in above if line and not line.startswith(("@", "[")))
    row = body.start_point[0] if body else node.start_point[0]
    if body is not None and body.named_children:
        first = body.named_children[0]
        first = first.named_children[0] if first.type == "expression_statement" and first.named_children else first
        if first.type in STRINGS:
            docstring = data[first.start_byte : first.end_byte].decode("utf-8", "replace").strip("rRbBuUfF").strip("\"'").strip()
            docstring = "\n".join(line.strip() for line in docstring.split("\n"))
            row = first.end_point[0] + 1
    return Outline(_signature(node, data), docstring, chunk.line_start + row)
