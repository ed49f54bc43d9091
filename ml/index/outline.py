"""Extract the outline of a chunk: signature, docstring, and the line where the body begins."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from inspect import cleandoc
from typing import TYPE_CHECKING

from ml.index.chunk import Chunk
from ml.index.languages import LANGUAGES, Language
from ml.index.languages.definitions import Definition, read_syntax
from ml.patterns import bounded

if TYPE_CHECKING:
    from tree_sitter import Node

# Comment markers at the start or end of a line, in any language.
MARKS = bounded(
    r"""^\s*(?://[/!]?|/\*[*!]?|\*/|\*(?![*/])|\(\*\*?|--+\s?\||--+|#+!?|;+|@\w*doc\b|"{3})\s?|\s*(?:\*/|\*\)|"{3})\s*$""",
    longest=1_000,
)
XML_TAGS = re.compile(
    r"</?(?:summary|remarks|returns|para|param|typeparam|value|example|exception|c|code|inheritdoc)\b[^<>]*>"
)
XML_REFERENCE = re.compile(r"""<(?:see|seealso|paramref|typeparamref)\s+\w+=["']([^"']+)["']\s*/>""")
ATTRIBUTE = re.compile(r"\s*(?:@(?!\w*doc\b)|#!?\[|\[)")
STRINGS = frozenset({"string", "string_literal", "concatenated_string"})
QUOTES = re.compile(r"""^[a-zA-Z]{0,2}("{3}|'{3}|"|')(.*?)\1$""", re.DOTALL)
# A grammar may take minutes to parse one long line while a user waits; a whole symbol of many lines takes milliseconds.
MOST_CHARACTERS = 60_000
LONGEST_LINE = 2_000


@dataclass(frozen=True, slots=True)
class Outline:
    """A symbol's signature on one line, its docstring without comment markers, and the line where its body begins."""

    signature: str = ""
    docstring: str = ""
    body_start: int = 0


@lru_cache(maxsize=2048)
def outline(chunk: Chunk) -> Outline:
    """Return the outline of the symbol that a chunk begins with; signature and docstring are empty if there is none."""
    lines = chunk.text.split("\n")
    language = LANGUAGES.get(chunk.language) if is_readable(chunk.text) else None
    found = definition_of(language, chunk.text) if language else None
    if found is None:
        return Outline(body_start=chunk.line_start)
    documented = _string_at_start(found.body) if found.body else None
    docstring = _unquoted(documented) if documented else _comment_above(lines, found)
    return Outline(found.signature, docstring, chunk.line_start + _body_row(lines, found, documented))


def is_readable(text: str) -> bool:
    """Return whether a text may be parsed while a user waits."""
    return len(text) <= MOST_CHARACTERS and max(map(len, text.split("\n"))) <= LONGEST_LINE


def definition_of(language: Language, text: str, *, whole: bool = False) -> Definition | None:
    """Return the definition that a text begins with, preferably from a parse without errors.

    With `whole`, the text is code at module level, returned as one definition. The text begins on row 1.
    """
    faulty = None
    for framed in _framings(language, text):
        data = framed.encode("utf-8", "replace")
        syntax = read_syntax(language, data)
        if syntax and whole:
            return Definition(1, text.count("\n") + 1, 1, "", "module", data, syntax.root)
        found = _at_start(syntax.definitions) if syntax else None
        if syntax and found and not syntax.root.has_error:
            return found
        faulty = faulty or found
    return faulty


def _framings(language: Language, text: str) -> Iterator[str]:
    """Yield the text, from row 1 on, completed so that it may parse alone: closing brackets, a class around a method."""
    missing = "}" * max(text.count("{") - text.count("}"), 0)
    for before, after in (("", ""), *language.frames):
        for end in dict.fromkeys((after, missing + after)):
            yield f"{before}\n{text}\n{end}\n"


def _at_start(found: list[Definition]) -> Definition | None:
    for one in found:
        if one.start == 1:
            return one
        if one.line == 0:
            return _at_start(one.children)
    return None


def _body_row(lines: list[str], found: Definition, documented: "Node | None") -> int:
    """Return the row where the body begins: after the docstring, or after the line that opens the body."""
    if documented is not None:
        return documented.end_point[0]
    opens = found.body or found.node
    row, column = opens.start_point if opens else (found.line, 0)
    opened_behind = found.body is None or lines[row - 1].encode()[:column].strip()
    return row if opened_behind and found.end > row else row - 1


def _string_at_start(body: "Node") -> "Node | None":
    first = body.named_children[0] if body.named_children else None
    if first is not None and first.type == "expression_statement" and first.named_children:
        first = first.named_children[0]
    return first if first is not None and first.type in STRINGS else None


def _unquoted(string: "Node") -> str:
    text = (string.text or b"").decode("utf-8", "replace")
    quoted = QUOTES.match(text)
    return cleandoc(quoted[2]) if quoted else text


def _comment_above(lines: list[str], found: Definition) -> str:
    symbol = found.outer or found.node
    above = lines[found.start - 1 : symbol.start_point[0] - 1] if symbol else []
    plain = (MARKS.sub("", line).rstrip() for line in above if not ATTRIBUTE.match(line))
    return cleandoc(XML_TAGS.sub("", XML_REFERENCE.sub(r"\1", "\n".join(plain)))).strip()
