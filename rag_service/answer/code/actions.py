"""What the lines of a chunk do: what they call, raise, return, set and handle, and under which conditions.

Read off the syntax tree by the kinds that most grammars share (`call_expression`, `raise_statement`, `if_statement`), so that
no language needs a table of its own. A chunk without a grammar has no actions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import chain
from typing import TYPE_CHECKING, Literal

from ml.index.chunk import Chunk
from ml.index.languages import LANGUAGES, Language
from ml.index.languages.definitions import Definition, read_syntax
from ml.index.languages.parsing import parse
from ml.patterns import bounded, linear

if TYPE_CHECKING:
    from tree_sitter import Node

Kind = Literal["calls", "raises", "returns", "sets", "checks", "handles"]

MOST_CHARACTERS = 20_000
KINDS: tuple[tuple[Kind, str], ...] = (
    ("calls", r"(?:^|_)(?:call|invocation|new_expression|object_creation\w*|macro_invocation)(?:_expression)?$"),
    ("raises", r"^(?:raise|throw)(?:_|$)"),
    ("returns", r"^(?:return|yield)(?:_|$)"),
    ("sets", r"assignment|_declarator$|short_var_declaration|let_declaration"),
    ("handles", r"^(?:except|catch|rescue)(?:_|$)"),
    (
        "checks",
        r"^(?:if|elif|else_if|unless|while|assert|case|when|guard|match|switch|conditional|ternary)(?:_|$)|_(?:case|arm)$",
    ),
)
NO_STATEMENT = linear(r"_(?:block|pattern|body|list|type|path|head)$")
NODES = tuple((kind, linear(pattern)) for kind, pattern in KINDS)
CALLEE = ("function", "method", "name", "constructor", "type", "macro")
TARGET = ("left", "name", "pattern")
BODY = ("consequence", "body", "block", "alternative")
RAISING = bounded(
    r"^(?:panic!?|bail!|raise|abort|fail)$", longest=100
)  # calls that raise, in languages without a statement for it


@dataclass(frozen=True, slots=True)
class Action:
    """What lines `first` to `last` of a file do.

    `text` is the whole statement, of a condition only its head. `what` is the part that counts: a call's callee, the target of an
    assignment, the condition. `under` are the conditions around it, "not" before those whose other branch it stands in.
    """

    kind: Kind
    first: int
    last: int
    text: str
    what: str
    under: tuple[str, ...] = ()


@lru_cache(maxsize=512)
def actions_of(chunk: Chunk) -> tuple[Action, ...]:
    """Return what a chunk does, in the order of the code."""
    language = LANGUAGES.get(chunk.language) if len(chunk.text) <= MOST_CHARACTERS else None
    root = _framed(language, chunk.text)[1] if language else None
    return tuple(_actions(root, chunk.line_start - 1, ())) if root else ()


@lru_cache(maxsize=512)
def inner_symbols(chunk: Chunk) -> tuple[Chunk, ...]:
    """Return the symbols that are defined inside of a chunk's own, such as the methods of a class, as chunks."""
    language = LANGUAGES.get(chunk.language) if len(chunk.text) <= MOST_CHARACTERS else None
    syntax = read_syntax(language, _framed(language, chunk.text)[0]) if language else None
    return tuple(_inner(chunk, syntax.definitions)) if syntax else ()


def _inner(chunk: Chunk, definitions: Sequence[Definition]) -> Iterator[Chunk]:
    lines = chunk.text.split("\n")
    for one in definitions:
        first, last = max(one.start, 1), min(one.end, len(lines))  # the frame is row 0
        if one.line >= 1 and (first, last) != (1, len(lines)):
            text = "\n".join(lines[first - 1 : last])
            start = chunk.line_start + first - 1
            yield replace(
                chunk, symbol=one.symbol, kind=one.kind, line_start=start, line_end=start + last - first, text=text
            )
        yield from _inner(chunk, one.children)


def _framed(language: Language, text: str) -> "tuple[bytes, Node | None]":
    """Return a text, from row 1 on, in the frame in which it parses without an error, or else in the first, and its tree."""
    framed = (
        f"{before}\n{text}\n{after}\n".encode("utf-8", "replace") for before, after in (("", ""), *language.frames)
    )
    parsed = ((data, parse(language, data)) for data in framed)
    first = next(parsed)
    return next((one for one in chain([first], parsed) if one[1] is not None and not one[1].has_error), first)


def _actions(root: "Node", offset: int, under: tuple[str, ...]) -> Iterator[Action]:
    """Walk the tree without recursion: it may be deep. `offset` is added to the tree's rows."""
    waiting = [(root, under)]
    while waiting:
        node, conditions = waiting.pop()
        kind = _kind(node) if node.is_named else None
        if kind:
            yield _action(kind, node, offset, conditions)
        inner = []
        for index, child in enumerate(node.children):
            field = node.field_name_for_child(index)
            inner.append(
                (child, (*conditions, _negated(node, field)) if kind == "checks" and field in BODY else conditions)
            )
        waiting += reversed(inner)


def _kind(node: "Node") -> Kind | None:
    if NO_STATEMENT.search(node.type):
        return None
    found = next((kind for kind, pattern in NODES if pattern.search(node.type)), None)
    return "raises" if found == "calls" and RAISING.match(_callee(node)) else found


def _action(kind: Kind, node: "Node", offset: int, under: tuple[str, ...]) -> Action:
    head = _head(node) if kind in {"checks", "handles"} else _text(node)
    what = {"calls": _callee, "sets": _target, "checks": _condition}.get(kind, _text)(node)
    last = node.start_point[0] + head.count("\n")
    return Action(kind, node.start_point[0] + offset, last + offset, head, what, under)


def _callee(node: "Node") -> str:
    named = _child(node, CALLEE) or (node.named_children[0] if node.named_children else None)
    return _text(named) if named else ""


def _target(node: "Node") -> str:
    target = _child(node, TARGET)
    return _text(target) if target else _text(node)


def _condition(node: "Node") -> str:
    condition = _child(node, ("condition", "value", "subject", "pattern"))
    return _text(condition) if condition else _head(node)


def _negated(node: "Node", field: str | None) -> str:
    return f"not {_condition(node)}" if field == "alternative" else _condition(node)


def _head(node: "Node") -> str:
    """Return the text of a statement up to its body."""
    body = _child(node, BODY) or next((child for child in node.children if child.type == "block"), None)
    return _text(node)[: body.start_byte - node.start_byte].rstrip() if body else _text(node)


def _child(node: "Node", fields: tuple[str, ...]) -> "Node | None":
    return next((child for field in fields if (child := node.child_by_field_name(field)) is not None), None)


def _text(node: "Node") -> str:
    return (node.text or b"").decode("utf-8", "replace")
