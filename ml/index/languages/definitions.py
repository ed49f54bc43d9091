"""The symbols that a file defines, found by its grammar's query: nested, each with its rows."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from ml.index.languages import Language
from ml.index.languages.parsing import matches, parse
from ml.patterns import bounded

if TYPE_CHECKING:
    from tree_sitter import Node

    Captures = dict[str, list[Node]]

KINDS = ("namespace", "class", "function", "section", "block")
SYMBOLS = {"class", "function", "method"}
SIGNATURE_CHARACTERS = 240
NAME_CHARACTERS = 120
DEEPEST = 30
STRING = r'"(?:[^"\\]|\\.)*+"'
ARGUMENTS = rf"\((?:[^()\"]|{STRING}|\((?:[^()\"]|{STRING}|\([^()]*\))*\))*\)"
ANNOTATIONS = bounded(rf"(?:(?:@(?!interface\b)[\w.:]++(?:\s*{ARGUMENTS})?+(?!\()|#?\[[^\]]*\])\s*)+", longest=20_000)
COMMENT = re.compile(r"\s*(?:#|//)")
TYPE_ARGUMENTS = re.compile(r"(?<=\w)(?<!operator)<[^<>]*>")
HEADING_ANCHOR = bounded(r"\s*\{\s*[#.:][^{}]*\}$", longest=8 * NAME_CHARACTERS)
PAIRS = {'"': '"', "'": "'", "`": "`", "(": ")", "[": "]"}


@dataclass(eq=False)
class Definition:
    """A symbol, or the file itself.

    Rows are 0-based and inclusive, with the comments and decorators above; `line` is the row of the symbol's own first
    token.
    """

    start: int
    end: int
    line: int
    symbol: str
    kind: str
    data: bytes
    node: "Node | None" = None
    body: "Node | None" = None
    outer: "Node | None" = None
    children: list["Definition"] = field(default_factory=list)

    @cached_property
    def signature(self) -> str:
        """The text before the body (or the first line if there is none) on one line, without annotations."""
        if self.node is None:
            return ""
        # An enclosing `export` or `template <…>` belongs to the signature.
        before = self.data[(self.outer or self.node).start_byte : self.node.start_byte].decode("utf-8", "replace")
        end = min(
            self.body.start_byte if self.body else self.node.end_byte, self.node.start_byte + 4 * SIGNATURE_CHARACTERS
        )
        text = before + self.data[self.node.start_byte : end].decode("utf-8", "replace")
        annotations = ANNOTATIONS.match(text) if self.kind in SYMBOLS else None
        start = annotations.end() if annotations else 0
        line_end = -1 if self.body else text.find("\n", max(start, len(before)))
        first, *others = text[start : line_end if line_end >= 0 else None].split("\n")
        shown = [first, *(line for line in others if not COMMENT.match(line))]
        return " ".join(" ".join(shown).split())[:SIGNATURE_CHARACTERS].rstrip(" {:=")


@dataclass(frozen=True)
class Syntax:
    """A file's outermost definitions, with those nested in them, and the rows where its statements begin."""

    root: "Node"
    definitions: list[Definition]
    above: dict[int, int]
    _statements: "dict[int, tuple[Sequence[Node], Sequence[int]]]" = field(default_factory=dict)

    def statement(self, body: "Node | None", earliest: int, latest: int) -> int | None:
        """Return the last row in the range at which a statement of the body begins; outer statements take precedence."""
        node: Node | None = body or self.root
        while node is not None:
            statements, rows = self._children(node)
            after = bisect_right(rows, latest)
            row = rows[after - 1] if after else -1
            if row >= earliest:
                return next((row for row in (self.above.get(row - 1, row), row) if row >= earliest), row)
            node = statements[after - 1] if after else None
        return None

    def _children(self, node: "Node") -> "tuple[Sequence[Node], Sequence[int]]":
        if node.id not in self._statements:
            children = node.named_children
            self._statements[node.id] = children, [child.start_point[0] for child in children]
        return self._statements[node.id]


def read_syntax(language: Language, data: bytes) -> Syntax | None:
    """Return the definitions in a file (UTF-8), or None if parsing takes too long."""
    root = parse(language, data)
    if root is None:
        return None
    captured = matches(language, root)
    above = dict(_above(captured, data))
    found = [_definition(language, data, captures, above) for captures in captured if "above" not in captures]
    if language.until_next:
        found = list(_until_next(found, root.end_point[0]))
    return Syntax(root, _nest(language, found), above)


def _above(captured: "list[Captures]", data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (last row, first row) of each comment that shares no line with code."""
    for captures in captured:
        for node in captures.get("above", ()):
            row, column = node.start_point
            if not data[node.start_byte - column : node.start_byte].strip():
                yield _last_row(node), row


def _definition(language: Language, data: bytes, captures: "Captures", above: dict[int, int]) -> Definition:
    kind = next(name for name in KINDS if name in captures)
    node = captures[kind][0]
    outer = _outer(language, node)
    start, end = outer.start_point[0], _last_row(outer)
    while start - 1 in above:
        start = above[start - 1]
    after = outer.next_named_sibling if language.tails else None
    if after is not None and after.type in language.tails:
        end = _last_row(after)
    body = captures["body"][0] if "body" in captures else node.child_by_field_name("body")
    return Definition(
        start=start,
        end=end,
        line=node.start_point[0],
        symbol=language.separator.join(filter(None, _names(captures, data, kind))),
        kind="method" if kind == "function" and "scope" in captures else kind,
        data=data,
        node=node,
        body=body or (after if end != _last_row(outer) else None),
        outer=outer,
    )


def _outer(language: Language, node: "Node") -> "Node":
    outer = node
    while language.wrappers and outer.parent is not None and outer.parent.type in language.wrappers:
        outer = outer.parent
    return outer


def _names(captures: "Captures", data: bytes, kind: str) -> Iterator[str]:
    for node in [*captures.get("scope", ()), *captures.get("name", ())]:
        end = min(node.end_byte, node.start_byte + 8 * NAME_CHARACTERS)
        name = " ".join(data[node.start_byte : end].decode("utf-8", "replace").split())
        name = name[1:-1] if len(name) > 1 and PAIRS.get(name[0]) == name[-1] else name
        name = _without_type_arguments(name) if kind in SYMBOLS else HEADING_ANCHOR.sub("", name)
        yield name.removeprefix("::").replace("::", ".").strip("*& ")[:NAME_CHARACTERS]


def _without_type_arguments(name: str) -> str:
    found = 1
    while found:
        name, found = TYPE_ARGUMENTS.subn("", name)
    return name


def _last_row(node: "Node") -> int:
    row, column = node.end_point
    return row - 1 if column == 0 and row > node.start_point[0] else row


def _until_next(found: list[Definition], last_row: int) -> Iterator[Definition]:
    ordered = sorted(found, key=lambda one: one.start)
    for number, one in enumerate(ordered):
        one.end = ordered[number + 1].start - 1 if number + 1 < len(ordered) else last_row
        yield one


def _nest(language: Language, found: list[Definition]) -> list[Definition]:
    """Nest each definition in the one that encloses it; a row shared by two belongs to the first."""
    outermost: list[Definition] = []
    around: list[Definition] = []
    for one in sorted(found, key=_place):
        while around and not _holds(language, around[-1], one):
            around.pop()
        siblings = around[-1].children if around else outermost
        one.start = max(one.start, around[-1].start if around else 0, siblings[-1].end + 1 if siblings else 0)
        one.end = min(one.end, around[-1].end) if around else one.end
        if (
            (around and _is_same(around[-1], one))
            or one.line < one.start
            or one.start > one.end
            or len(around) >= DEEPEST
        ):
            continue
        if around:
            _name_within(language, one, around[-1])
        siblings.append(one)
        around.append(one)
    return outermost


def _place(one: Definition) -> tuple[int, int]:
    return (one.node.start_byte, -one.node.end_byte) if one.node else (0, 0)


def _is_same(outer: Definition, inner: Definition) -> bool:
    """Return whether two patterns matched the same node, or a type and its typedef name (C)."""
    rows = (inner.start, inner.end) == (outer.start, outer.end)
    return inner.node == outer.node or (rows and inner.kind == outer.kind == "class")


def _holds(language: Language, outer: Definition, inner: Definition) -> bool:
    if language.until_next or outer.node is None or inner.node is None:
        return False
    return inner.node.start_byte < outer.node.end_byte


def _name_within(language: Language, one: Definition, outer: Definition) -> None:
    if outer.symbol and one.symbol:
        one.symbol = f"{outer.symbol}{language.separator}{one.symbol}"
    if one.kind == "function" and outer.kind == "class":
        one.kind = "method"
