"""Take a statement with a body apart: what stands before the body, the body, and the clauses that belong to it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rag_service.answer.walk.nodes import Nodes
from rag_service.answer.walk.steps import CLAUSES, Step

if TYPE_CHECKING:
    from tree_sitter import Node

BODIES = frozenset(("body", "consequence", "then"))
OTHERWISE = frozenset(("alternative", "else"))
BEFORE_CASE = frozenset((":", "=>", "->", "then", ")"))
EACH = (("left", "right"), ("pattern", "value"), ("item", "collection"), ("name", "value"))


class Parts(Nodes):
    """Takes the statements of one tree apart."""

    def parts(self, node: "Node") -> tuple[list["Node"], list["Node"], list["Node"], list["Node"]]:
        """Sort the children of a compound statement: its head, its bodies, its clauses, and what follows `else`."""
        head: list[Node] = []
        bodies: list[Node] = []
        clauses: list[Node] = []
        otherwise: list[Node] = []
        after_else = False
        for at, child in enumerate(node.children):
            field, role = node.field_name_for_child(at), self.role(child) if child.is_named else ""
            if role in CLAUSES:
                clauses.append(child)
            elif child.type == "else":
                after_else = True
            elif field in OTHERWISE or (after_else and child.is_named):
                otherwise.append(child)
            elif clauses and role == "block":
                continue  # the body of a clause beside it
            elif role == "block" or (field in BODIES and child.is_named):
                bodies.append(child)
            elif not bodies and not after_else and role != "skip":
                head.append(child)
        if not bodies:
            head, bodies = self._loose(node, head)
        condition = node.children_by_field_name("condition")
        return (condition if condition and condition[0] not in head else head), bodies, clauses, otherwise

    def _loose(self, node: "Node", children: list["Node"]) -> tuple[list["Node"], list["Node"]]:
        """Tell head and body apart where the grammar has no node for the body: it begins after the condition, or a line below."""
        condition = node.child_by_field_name("condition")
        row = node.start_point[0]
        for at, child in enumerate(children):
            after = child.start_byte >= condition.end_byte if condition else child.start_point[0] > row
            if after and child.is_named:
                return children[:at], children[at:]
        return children, []

    def case(self, node: "Node") -> tuple[list["Node"], list["Node"]]:
        """Split a case at its colon or arrow, or before its block."""
        for at, child in enumerate(node.children):
            if child.type in BEFORE_CASE and at:
                return node.children[:at], node.children[at + 1 :]
            if at and child.is_named and self.role(child) == "block":
                return node.children[:at], node.children[at:]
        return node.children, []

    def headed(self, node: "Node", role: str, head: Sequence["Node"]) -> Step:
        """Return a step whose head are some children of a node, without its keyword, parentheses and what opens the body."""
        parts = list(head)
        while parts and ((parts[0].type.isalpha() and not parts[0].is_named) or parts[0].type.endswith("keyword")):
            parts.pop(0)
        if self.language.roles.get(node.type) == "call" and parts:
            parts.pop(0)  # the keyword is the name of a call
        while parts and not parts[-1].is_named and parts[-1].type not in {")", "]", "}"}:
            parts.pop()
        first, last = self.line(node.start_point[0]), self.line(node.end_point[0])
        if not parts:
            return Step(role, first, last, head_last=first)
        text = bare(self.text(parts[0].start_byte, parts[-1].end_byte))
        return Step(role, first, last, text, head_last=self.line(parts[-1].end_point[0]))

    def each(self, node: "Node", step: Step) -> Step:
        """Return a loop over a collection with its variable as the target; where the grammar names none, any loop."""
        for variable, collection in EACH:
            one, of = node.child_by_field_name(variable), node.child_by_field_name(collection)
            if one and of:
                return replace(step, target=self.text_of(one), head=self.text_of(of))
        return replace(step, role="loop")

    def header(self, node: "Node", bodies: Sequence["Node"]) -> str:
        """Return a function's name and parameters."""
        start = node.child_by_field_name("name") or node.child_by_field_name("parameters") or node
        end = bodies[0].start_byte if bodies else start.end_byte
        return self.text(start.start_byte, max(end, start.end_byte)).rstrip(" {:=>")


def bare(text: str) -> str:
    """Return a condition without the parentheses that enclose all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text.rstrip("; ")
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and at < len(text) - 1:
            return text
    return text[1:-1].strip()
