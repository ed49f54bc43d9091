"""The symbols that a file defines, as its grammar's query finds them: nested, each with its rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ml.index.languages import Language, parser

if TYPE_CHECKING:
    from tree_sitter import Node

KINDS = ("namespace", "class", "function", "section", "block")
SIGNATURE_CHARACTERS = 240
NAME_CHARACTERS = 120


@dataclass(slots=True)
class Definition:
    """A symbol. Rows are 0-based and inclusive, comments and decorators above included; `cuts` are rows at which a
    statement of its body begins; `line` is the row of the symbol itself.
    """

    start: int
    end: int
    line: int
    symbol: str
    kind: str
    signature: str
    node: "Node"
    cuts: tuple[int, ...] = ()
    children: list["Definition"] = field(default_factory=list)


def definitions(language: Language, data: bytes) -> tuple[list[Definition], tuple[int, ...]]:
    """Gives the outermost definitions of a file (UTF-8), others in them, and the rows where its statements begin."""
    from tree_sitter import QueryCursor

    made_parser, query = parser(language.name)
    root = made_parser.parse(data).root_node
    matches = QueryCursor(query).matches(root)
    found = [_definition(language, data, captures) for _, captures in matches]
    if language.until_next:
        found = list(_until_next(found, root.end_point[0]))
    return _nested(language, found), tuple(child.start_point[0] for child in root.named_children)


def _definition(language: Language, data: bytes, captures: "dict[str, list[Node]]") -> Definition:
    kind = next(name for name in KINDS if name in captures)
    node = captures[kind][0]
    parts = (_name(part, data) for key in ("scope", "name") for part in captures.get(key, ()))
    start, end = _extent(language, node)
    body = node.child_by_field_name("body") or node
    return Definition(
        start=start,
        end=end,
        line=node.start_point[0],
        symbol=language.separator.join(filter(None, parts)),
        kind="method" if kind == "function" and "scope" in captures else kind,
        signature=_signature(node, data),
        node=node,
        cuts=tuple(child.start_point[0] for child in body.named_children),
    )


def _name(node: "Node", data: bytes) -> str:
    text = data[node.start_byte : node.end_byte].decode("utf-8", "replace")
    return " ".join(text.split()).strip("\"'`*&[] ").replace("::", ".")[:NAME_CHARACTERS]


def _extent(language: Language, node: "Node") -> tuple[int, int]:
    """Gives the rows of a node with what wraps it, what follows as its body, and the comments that stick to it."""
    while node.parent is not None and node.parent.type in language.wrappers:
        node = node.parent
    start, end = node.start_point[0], _last_row(node)
    after = node.next_named_sibling
    if after is not None and after.type in language.tails:
        end = _last_row(after)
    above = node.prev_named_sibling
    while (
        above is not None and above.type in language.comments and above.start_point[0] < start <= _last_row(above) + 1
    ):
        start = above.start_point[0]
        above = above.prev_named_sibling
    return start, end


def _last_row(node: "Node") -> int:
    row, column = node.end_point
    return row - 1 if column == 0 and row > node.start_point[0] else row


def _signature(node: "Node", data: bytes) -> str:
    """Gives what stands before the body, or the first line, on one line."""
    body = node.child_by_field_name("body")
    end = min(body.start_byte if body else node.end_byte, node.start_byte + 4 * SIGNATURE_CHARACTERS)
    text = data[node.start_byte : end].decode("utf-8", "replace")
    if body is None:
        text = text.split("\n", 1)[0]
    return " ".join(text.split())[:SIGNATURE_CHARACTERS].rstrip(" {:=")


def _until_next(found: list[Definition], last_row: int) -> Iterator[Definition]:
    ordered = sorted(found, key=lambda one: one.start)
    for number, one in enumerate(ordered):
        one.end = ordered[number + 1].start - 1 if number + 1 < len(ordered) else last_row
        yield one


def _nested(language: Language, found: list[Definition]) -> list[Definition]:
    """Puts each definition into the one around it; of two that share a row the first one has it."""
    outermost: list[Definition] = []
    around: list[Definition] = []
    for one in sorted(found, key=lambda one: (one.node.start_byte, -one.node.end_byte)):
        while around and one.node.start_byte >= around[-1].node.end_byte and one.line > around[-1].end:
            around.pop()
        if around and one.node == around[-1].node:
            continue
        siblings = around[-1].children if around else outermost
        one.start = max(one.start, around[-1].start if around else 0, siblings[-1].end + 1 if siblings else 0)
        one.end = min(one.end, around[-1].end) if around else one.end
        if one.start > one.end or one.line < one.start:
            continue
        if around:
            _name_within(language, one, around[-1])
        siblings.append(one)
        around.append(one)
    return outermost


def _name_within(language: Language, one: Definition, outer: Definition) -> None:
    if outer.symbol and one.symbol:
        one.symbol = f"{outer.symbol}{language.separator}{one.symbol}"
    if one.kind == "function" and outer.kind == "class":
        one.kind = "method"
