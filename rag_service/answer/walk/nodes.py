"""Read the nodes of a syntax tree: their role by the language's table, their text, and the calls in them."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ml.index.languages import Statements
from rag_service.answer.walk.spans import GAP
from rag_service.answer.walk.steps import Call

if TYPE_CHECKING:
    from tree_sitter import Node

CALLEES = ("function", "method", "constructor", "target", "macro", "name", "type")
NAMES = re.compile(r"[^\W\d]\w*[?!]?")
WORD = re.compile(r"\W*(\w+)")
LONGEST_NAME = 200
LONGEST_WORD = 40
MOST_CALLS = 12
MOST_NODES = 300


class Nodes:
    """The nodes of one tree, whose row 1 is line `offset` + 1."""

    def __init__(self, language: Statements, data: bytes, offset: int) -> None:
        self.language = language
        self.data = data
        self.offset = offset

    def role(self, node: "Node") -> str:
        """Return what a node is: by its type, or for a call and a keyword by its word."""
        role = self.language.roles.get(node.type, "")
        if role not in {"call", "worded"}:
            return role
        words = self.language.words
        if not words:
            return role
        word = WORD.match(self.text(node.start_byte, min(node.end_byte, node.start_byte + LONGEST_WORD)))
        found = words.get(word[1], "") if word else ""
        return found or ("value" if role == "worded" else role)

    def is_call(self, node: "Node") -> bool:
        """Return whether a node is a call, awaited or in parentheses too."""
        role = self.language.roles.get(node.type)
        if role == "wrap" and node.named_children:
            return self.is_call(node.named_children[-1])
        return role == "call"

    def calls(self, nodes: Sequence["Node"]) -> tuple[Call, ...]:
        """Return the calls in some nodes, outermost first, without those in functions nested there."""
        found: list[Call] = []
        waiting = list(nodes)
        for _ in range(MOST_NODES):
            if not waiting or len(found) >= MOST_CALLS:
                break
            node = waiting.pop(0)
            role = self.language.roles.get(node.type)
            if role == "function":
                continue
            if role == "call" and (call := self._call(node)):
                found.append(call)
            waiting = [*node.named_children, *waiting]
        return tuple(found)

    def _call(self, node: "Node") -> Call | None:
        callee: Node | None = node
        while callee is not None and (callee is node or self.language.roles.get(callee.type) == "call"):
            fields = (callee.child_by_field_name(field) for field in CALLEES)
            callee = next((found for found in fields if found), None) or next(iter(callee.named_children), None)
        if callee is None:
            return None
        text = self.text_of(callee)[-LONGEST_NAME:]
        names = list(NAMES.finditer(text))
        if not names:
            return None
        receiver = self.text(node.start_byte, callee.start_byte) + text[: names[-1].start()]
        return Call(names[-1][0], receiver.rstrip(".:->?& "), self.line(callee.end_point[0]))

    def line(self, row: int) -> int:
        """Return the line of a row."""
        return self.offset + row

    def text_of(self, node: "Node") -> str:
        """Return the text of a node on one line, with an ellipsis for each comment in it."""
        comments = list(self._comments(node)) if node.end_point[0] > node.start_point[0] else []
        at, parts = node.start_byte, []
        for start, end in comments:
            parts.append(self.text(at, start))
            at = end
        parts.append(self.text(at, node.end_byte))
        return f" {GAP} ".join(parts).rstrip("; ")

    def _comments(self, node: "Node") -> Iterator[tuple[int, int]]:
        waiting = [node]
        for _ in range(MOST_NODES):
            if not waiting:
                return
            one = waiting.pop(0)
            if "comment" in one.type:
                yield one.start_byte, one.end_byte
            else:
                waiting = [*one.children, *waiting]

    def text(self, start: int, end: int) -> str:
        """Return the source between two bytes, on one line."""
        return " ".join(self.data[start:end].decode("utf-8", "replace").split())
