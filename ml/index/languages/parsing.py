"""Parse a file with its grammar, within limits: no text may crash an index run or stall it."""

import importlib
import re
import threading
import warnings
from functools import cache
from time import thread_time
from typing import TYPE_CHECKING

from ml.index.languages import LANGUAGES, Language

if TYPE_CHECKING:
    from tree_sitter import Language as Grammar
    from tree_sitter import Node, Parser, Query

# A real file of 1 MB takes 0.5 s; some grammars are quadratic or worse on text they can't parse.
PARSE_SECONDS, PARSE_SECONDS_PER_BYTE = 0.5, 2e-6
READ_BYTES = 1 << 16
# A query over an error node is quadratic in its tokens.
ERROR_TOKENS = 5_000
# Limit of in-progress matches of a query: no real file needs more than 32, and without a limit a block of 2,000 names
# takes minutes.
MATCHES_AT_ONCE = 64

# The pattern of a language's template markup, by its name.
TEMPLATES = {
    language.name: re.compile(language.templates.encode(), re.DOTALL | re.MULTILINE)
    for language in LANGUAGES.values()
    if language.templates
}

_parsers = threading.local()


def parser(name: str) -> "tuple[Parser, Query]":
    """Return this thread's parser of a language and its query. Parsers are not thread-safe."""
    from tree_sitter import Parser

    grammar, query = _grammar(name)
    mine: dict[str, Parser] = _parsers.__dict__
    if name not in mine:
        mine[name] = Parser(grammar)
    return mine[name], query


@cache
def _grammar(name: str) -> "tuple[Grammar, Query]":
    from tree_sitter import Language as Grammar
    from tree_sitter import Query

    language = LANGUAGES[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the Dockerfile grammar returns its address as a number
        grammar = Grammar(getattr(importlib.import_module(language.grammar), language.factory)())
    above = "\n".join(f"({pattern}) @above" for pattern in language.above)
    return grammar, Query(grammar, f"{language.query}\n{above}")


def matches(language: Language, root: "Node") -> "list[dict[str, list[Node]]]":
    """Return the matches of the language's query in a tree."""
    from tree_sitter import QueryCursor

    # Not through the progress callback, which tree-sitter 0.26 calls through a dangling pointer.
    found = QueryCursor(parser(language.name)[1], match_limit=MATCHES_AT_ONCE).matches(root)
    return [captures for _, captures in found]


def parse(language: Language, data: bytes) -> "Node | None":
    """Return the root of the syntax tree of a text (UTF-8), or None if parsing takes too long."""
    if language.deepest and _is_too_deep(data, language.deepest):
        return None
    if language.name in TEMPLATES:
        data = TEMPLATES[language.name].sub(_mask_template, data)
    made_parser, _ = parser(language.name)
    until = thread_time() + PARSE_SECONDS + PARSE_SECONDS_PER_BYTE * len(data)
    try:
        root = made_parser.parse(
            lambda at, _: data[at : at + READ_BYTES],
            encoding="utf8",
            progress_callback=lambda *_: thread_time() > until,
        ).root_node
    except ValueError:  # tree-sitter's error for a cancelled parse
        made_parser.reset()
        return None
    return None if _is_noise(root) else root


def _is_too_deep(data: bytes, deepest: int) -> bool:
    """Return whether a line is indented (blanks, YAML markers) so deeply that the grammar would crash."""
    return any(len(line) - len(line.lstrip(b" \t?:-")) >= deepest for line in data.split(b"\n"))


def _mask_template(template: re.Match[bytes]) -> bytes:
    """Return filler of the same length that the grammar accepts: a comment for whole lines, otherwise a word."""
    fill = b"#" if template.lastgroup == "alone" else b"x"
    return b"\n".join(fill * len(line) for line in template[0].split(b"\n"))


def _is_noise(root: "Node") -> bool:
    broken = [root] if root.has_error else []
    while broken:
        node = broken.pop()
        if node.is_error and node.child_count > ERROR_TOKENS:
            return True
        broken.extend(child for child in node.children if child.has_error)
    return False
