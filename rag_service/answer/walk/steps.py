"""Read the statements of a symbol from its syntax tree, the same in every language whose table names its node types."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from ml.index.chunk import Chunk, digest, last_name
from ml.index.languages import LANGUAGES, Statements
from ml.index.languages.definitions import Definition
from ml.index.outline import definition_of
from rag_service.answer.walk.spans import GAP

if TYPE_CHECKING:
    from tree_sitter import Node

CONDITIONAL = frozenset(("if", "unless"))
LOOPS = frozenset(("each", "while", "until", "loop"))
COMPOUND = CONDITIONAL | LOOPS | {"switch", "try", "with", "function", "class"}
CLAUSES = frozenset(("elif", "else", "case", "catch", "finally"))
TRANSPARENT = frozenset(("block", "declare"))
BODIES = frozenset(("body", "consequence", "then"))
OTHERWISE = frozenset(("alternative", "else"))
BEFORE_CASE = frozenset((":", "=>", "->", "then", ")"))
EQUALS = frozenset(("=", ":=", "<-", "?=", "||="))
TARGETS = ("left", "name", "pattern", "target", "declarator", "key")
CALLEES = ("function", "method", "constructor", "target", "macro", "name", "type")
KEYWORDS = frozenset(("throw", "raise", "return", "yield", "assert", "del"))
EACH = (("left", "right"), ("pattern", "value"), ("item", "collection"), ("name", "value"))
NAMES = re.compile(r"[^\W\d]\w*[?!]?")
WORD = re.compile(r"\W*(\w+)")
LONGEST = 60_000  # characters of a symbol; a longer one is data or generated
LONGEST_LINE = 2_000
LONGEST_NAME = 200
DEEPEST = 40
MOST_CALLS = 12
MOST_NODES = 300


@dataclass(frozen=True, slots=True)
class Call:
    """A call in the source: the last name of what is called, what stands before it, and its line."""

    name: str
    receiver: str
    line: int


@dataclass(frozen=True, slots=True)
class Step:
    """A statement: its `role` (a key of the language's table), its lines, and parts of it as they stand in the source.

    `head` is a condition, the header of a loop, a value or a whole statement, which ends on line `head_last`; `target` is
    what is assigned, or the variable of a loop. `body` are the steps within, `branches` the clauses that belong to it.
    """

    role: str
    first: int
    last: int
    head: str = ""
    target: str = ""
    head_last: int = 0
    body: tuple["Step", ...] = ()
    branches: tuple["Step", ...] = ()
    calls: tuple[Call, ...] = ()

    def within(self) -> Iterator["Step"]:
        """Yield the step itself and all steps in it."""
        yield self
        for step in (*self.body, *self.branches):
            yield from step.within()


@lru_cache(maxsize=256)
def read_steps(chunk: Chunk) -> Step | None:
    """Return the symbol that a chunk begins with, or its code at module level, as one step; None if it can't be read."""
    found = _definition(chunk)
    return _Reader(LANGUAGES[chunk.language].walk, found.data, chunk.line_start - 1).symbol(found) if found else None


def read_members(chunk: Chunk) -> list[Chunk]:
    """Return the definitions directly within a symbol, as chunks of their own, with the comments above them."""
    found = _definition(chunk)
    return [_member(chunk, one) for one in found.children] if found else []


def _definition(chunk: Chunk) -> Definition | None:
    language = LANGUAGES.get(chunk.language)
    if not language or not language.walk.roles or len(chunk.text) > LONGEST:
        return None
    if max(map(len, chunk.text.split("\n"))) > LONGEST_LINE:
        return None
    return definition_of(language, chunk.text, whole=chunk.kind == "module")


def _member(chunk: Chunk, one: Definition) -> Chunk:
    text = "\n".join(chunk.text.split("\n")[one.start - 1 : one.end])
    owner = chunk.symbol.removesuffix(last_name(chunk.symbol))
    return replace(
        chunk,
        symbol=f"{owner}{one.symbol}",
        kind=one.kind,
        line_start=chunk.line_start + one.start - 1,
        line_end=chunk.line_start + one.end - 1,
        text=text,
        content_hash=digest(text.encode()),
    )


class _Reader:
    """Turns the nodes of one tree into steps; row 1 is line `offset` + 1."""

    def __init__(self, language: Statements, data: bytes, offset: int) -> None:
        self._language = language
        self._data = data
        self._offset = offset

    def symbol(self, found: Definition) -> Step:
        """Return a definition as a step; its body is that of the function or class."""
        node = found.node
        if node is None:
            raise ValueError("a definition without a node")
        body = found.body or node
        alone = body is node or self._role(body) not in {"block", ""}
        steps, clauses = self._steps([body] if alone and found.kind != "module" else body.children)
        if len(steps) == 1 and steps[0].role in {"function", "class"} and body is node:
            steps, clauses = steps[0].body, steps[0].branches
        steps = self._guarded(steps, clauses)
        first, last = self._line(found.line), self._line(found.end)
        if found.kind in {"class", "module"}:
            return Step(found.kind, first, last, head_last=first, body=steps)
        steps = steps if node.has_error else self._with_last(steps)
        return Step("function", first, last, head_last=first, body=steps, branches=self._decorators(found))

    def _decorators(self, found: Definition) -> tuple[Step, ...]:
        """Return the decorators of a function, as its branches."""
        around = [node for node in (found.outer, found.node) if node is not None]
        nodes = {child.id: child for node in around for child in node.children if self._role(child) == "decorator"}
        return tuple(self._plain(node, "decorator") for node in nodes.values())

    def _role(self, node: "Node") -> str:
        """Return what a node is: by its type, or for a call and a keyword by its word."""
        role = self._language.roles.get(node.type, "")
        if role not in {"call", "worded"}:
            return role
        words = self._language.words
        if not words:
            return role
        word = WORD.match(self._text(node.start_byte, min(node.end_byte, node.start_byte + 40)))
        found = words.get(word[1], "") if word else ""
        return found or ("value" if role == "worded" else role)

    def _steps(self, nodes: Sequence["Node"], depth: int = 0) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """Return the statements among some nodes, and the clauses (cases, handlers) that stand directly among them."""
        steps: list[Step] = []
        clauses: list[Step] = []
        for node in nodes if depth < DEEPEST else ():
            role = self._role(node) if node.is_named else "skip"
            if role == "skip":
                continue
            if role in CLAUSES:
                clauses += self._clause(node, role, depth + 1)
            elif role in TRANSPARENT:
                inner, lifted = self._transparent(node, role, depth + 1)
                steps += inner
                clauses += lifted
            elif role in COMPOUND:
                steps.append(self._compound(node, role, depth + 1))
            elif simple := self._simple(node, role, depth + 1):
                steps.append(simple)
        return tuple(steps), tuple(clauses)

    def _transparent(self, node: "Node", role: str, depth: int) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        named = [child for child in node.named_children if self._role(child) != "skip"]
        if role == "declare":
            named = [child for child in named if self._role(child) in {"assign", "declare", "function"}]
        elif node.type.endswith("statement") and len(named) > 1 and not any(map(self._role, named)):
            return (self._plain(node, "other"),), ()
        return self._steps(named, depth)

    def _compound(self, node: "Node", role: str, depth: int) -> Step:
        """Return a statement with a body: what stands before the body is its head."""
        head, bodies, clauses, otherwise = self._parts(node)
        if not bodies:  # `guard … else {…}`
            bodies, otherwise = otherwise, []
        steps, lifted = self._steps(bodies, depth)
        branches = [branch for clause in clauses for branch in self._clause(clause, self._role(clause), depth)]
        if otherwise:
            branches += self._otherwise(otherwise, depth)
        if role == "while" and node.children and node.children[0].type == "until":
            role = "until"
        step = self._headed(node, role, head)
        step = self._each(node, step) if role == "each" else step
        if role == "function":
            step = replace(step, head=self._header(node, bodies))
            steps = self._with_last(self._guarded(steps, lifted))
            lifted = ()
        return replace(step, body=steps, branches=(*lifted, *branches), calls=self._calls(head))

    def _parts(self, node: "Node") -> tuple[list["Node"], list["Node"], list["Node"], list["Node"]]:
        """Sort the children of a compound statement: its head, its bodies, its clauses, and what follows `else`."""
        head: list[Node] = []
        bodies: list[Node] = []
        clauses: list[Node] = []
        otherwise: list[Node] = []
        after_else = False
        for at, child in enumerate(node.children):
            field, role = node.field_name_for_child(at), self._role(child) if child.is_named else ""
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

    def _clause(self, node: "Node", role: str, depth: int) -> list[Step]:
        """Return a clause as one step, or as several: the cases in a handler, the conditions of an `else if`."""
        if role == "case":
            head, bodies = self._case(node)
            steps, lifted = self._steps(bodies, depth)
            if steps and steps[-1].role == "leave":  # the `break` of a case
                steps = steps[:-1]
            return [replace(self._headed(node, "case", head), body=steps, branches=lifted)]
        head, bodies, clauses, otherwise = self._parts(node)
        if role == "else":
            return self._otherwise(bodies or otherwise or head[1:], depth)
        beside = node.next_named_sibling
        if not bodies and beside and self._role(beside) == "block":
            bodies = [beside]
        steps, lifted = self._steps(bodies, depth)
        if lifted and not steps:
            return [replace(case, role=role) for case in lifted]
        further = [branch for clause in clauses for branch in self._clause(clause, self._role(clause), depth)]
        further += self._otherwise(otherwise, depth) if otherwise else []
        return [replace(self._headed(node, role, head), body=steps, calls=self._calls(head)), *lifted, *further]

    def _case(self, node: "Node") -> tuple[list["Node"], list["Node"]]:
        """Split a case at its colon or arrow, or before its block."""
        for at, child in enumerate(node.children):
            if child.type in BEFORE_CASE and at:
                return node.children[:at], node.children[at + 1 :]
            if at and child.is_named and self._role(child) == "block":
                return node.children[:at], node.children[at:]
        return node.children, []

    def _otherwise(self, nodes: list["Node"], depth: int) -> list[Step]:
        steps, lifted = self._steps(nodes, depth)
        if not steps and not lifted:
            return []
        if len(steps) == 1 and steps[0].role == "if":
            return [replace(steps[0], role="elif", branches=()), *steps[0].branches]
        first, last = self._line(nodes[0].start_point[0]), self._line(nodes[-1].end_point[0])
        return [Step("else", first, last, head_last=first, body=steps, branches=lifted)]

    def _headed(self, node: "Node", role: str, head: Sequence["Node"]) -> Step:
        """Return a step whose head are some children of a node, without its keyword, parentheses and what opens the body."""
        parts = list(head)
        while parts and ((parts[0].type.isalpha() and not parts[0].is_named) or parts[0].type.endswith("keyword")):
            parts.pop(0)
        if self._language.roles.get(node.type) == "call" and parts:
            parts.pop(0)  # the keyword is the name of a call
        while parts and not parts[-1].is_named and parts[-1].type not in {")", "]", "}"}:
            parts.pop()
        first, last = self._line(node.start_point[0]), self._line(node.end_point[0])
        if not parts:
            return Step(role, first, last, head_last=first)
        text = _bare(self._text(parts[0].start_byte, parts[-1].end_byte))
        return Step(role, first, last, text, head_last=self._line(parts[-1].end_point[0]))

    def _each(self, node: "Node", step: Step) -> Step:
        for variable, collection in EACH:
            one, of = node.child_by_field_name(variable), node.child_by_field_name(collection)
            if one and of:
                return replace(step, target=self._text_of(one), head=self._text_of(of))
        return replace(step, role="loop")

    def _header(self, node: "Node", bodies: Sequence["Node"]) -> str:
        start = node.child_by_field_name("name") or node.child_by_field_name("parameters") or node
        end = bodies[0].start_byte if bodies else start.end_byte
        return self._text(start.start_byte, max(end, start.end_byte)).rstrip(" {:=>")

    def _simple(self, node: "Node", role: str, depth: int) -> Step | None:
        if role in {"assign", "operator"}:
            return self._assignment(node, role, depth)
        if role == "wrap":
            named = [child for child in node.named_children if self._role(child) != "skip"]
            inner = self._simple(named[0], self._role(named[0]), depth) if len(named) == 1 and depth < DEEPEST else None
            return (
                replace(inner, head=self._text_of(node))
                if inner and inner.role == "call"
                else self._plain(node, "other")
            )
        if role in {"return", "raise", "yield", "exit", "assert", "delete", "next", "leave"}:
            return self._valued(node, role, depth)
        return self._plain(node, role or "other", depth)

    def _plain(self, node: "Node", role: str, depth: int = DEEPEST) -> Step:
        first, last = self._line(node.start_point[0]), self._line(node.end_point[0])
        body = self._inner(node, depth)
        return Step(role, first, last, self._text_of(node), head_last=last, body=body, calls=self._calls([node]))

    def _valued(self, node: "Node", role: str, depth: int) -> Step:
        """Return a statement with its value: what follows the keyword; of a call with parentheses all of it."""
        step = self._plain(node, role, depth)
        if role == "assert" and node.named_children and self._language.roles.get(node.type) != "call":
            return replace(step, head=self._text_of(node.named_children[0]))
        word = WORD.match(step.head)
        value = step.head[word.end() :].strip() if word else step.head
        is_call = value.startswith(("(", "!(")) and word is not None and word[1] not in KEYWORDS
        return step if is_call else replace(step, head=_bare(value))

    def _assignment(self, node: "Node", role: str, depth: int) -> Step | None:
        at = next((at for at, child in enumerate(node.children) if self._equals(child)), None)
        if at is None:
            return self._plain(node, "other", depth) if role == "operator" else None
        before, after = node.children[:at], node.children[at + 1 :]
        fields = (node.child_by_field_name(field) for field in TARGETS)
        target = next((found for found in fields if found), None) or next(
            (child for child in before if child.is_named), None
        )
        if target is None or not after:
            return None
        value = self._text(after[0].start_byte, node.end_byte).rstrip("; ")
        step = self._plain(node, "assign", depth)
        gets = len(after) <= 2 and self._is_call(after[0])
        return replace(step, role="gets" if gets else "assign", target=self._text_of(target), head=value)

    def _equals(self, child: "Node") -> bool:
        return child.type in EQUALS or (child.type == "operator" and self._text_of(child) in EQUALS)

    def _is_call(self, node: "Node") -> bool:
        role = self._language.roles.get(node.type)
        if role == "wrap" and node.named_children:
            return self._is_call(node.named_children[-1])
        return role == "call"

    def _inner(self, node: "Node", depth: int) -> tuple[Step, ...]:
        """Return the body of the first function that a longer statement contains, such as a callback."""
        if node.end_point[0] - node.start_point[0] < 2:
            return ()
        waiting = [node]
        for _ in range(MOST_NODES):
            if not waiting:
                break
            child = waiting.pop(0)
            if child is not node and self._language.roles.get(child.type) == "function":
                return self._compound(child, "function", depth + 1).body if depth < DEEPEST else ()
            waiting += child.named_children
        return ()

    def _guarded(self, steps: tuple[Step, ...], clauses: tuple[Step, ...]) -> tuple[Step, ...]:
        """Return the steps of a function whose handlers stand in its body without a `try`."""
        if not clauses or not steps:
            return steps or clauses
        role = "try" if clauses[0].role in {"catch", "finally", "else"} else "switch"
        return (Step(role, steps[0].first, clauses[-1].last, head_last=steps[0].first, body=steps, branches=clauses),)

    def _with_last(self, steps: tuple[Step, ...]) -> tuple[Step, ...]:
        """Mark the expression at the end of a function where the language returns it."""
        if not self._language.value_last or not steps:
            return steps
        *before, last = steps
        if last.role in {"call", "other", "value"} and not last.head.endswith(";"):
            last = replace(last, role="last")
        elif last.role in CONDITIONAL | {"switch", "try"} | CLAUSES:
            branches = tuple(replace(one, body=self._with_last(one.body)) for one in last.branches)
            last = replace(last, body=self._with_last(last.body), branches=branches)
        return (*before, last)

    def _calls(self, nodes: Sequence["Node"]) -> tuple[Call, ...]:
        """Return the calls in some nodes, outermost first, without those in functions nested there."""
        found: list[Call] = []
        waiting = list(nodes)
        for _ in range(MOST_NODES):
            if not waiting or len(found) >= MOST_CALLS:
                break
            node = waiting.pop(0)
            role = self._language.roles.get(node.type)
            if role == "function":
                continue
            if role == "call" and (call := self._call(node)):
                found.append(call)
            waiting = [*node.named_children, *waiting]
        return tuple(found)

    def _call(self, node: "Node") -> Call | None:
        callee: Node | None = node
        while callee is not None and (callee is node or self._language.roles.get(callee.type) == "call"):
            fields = (callee.child_by_field_name(field) for field in CALLEES)
            callee = next((found for found in fields if found), None) or next(iter(callee.named_children), None)
        if callee is None:
            return None
        text = self._text_of(callee)[-LONGEST_NAME:]
        names = list(NAMES.finditer(text))
        if not names:
            return None
        receiver = self._text(node.start_byte, callee.start_byte) + text[: names[-1].start()]
        return Call(names[-1][0], receiver.rstrip(".:->?& "), self._line(callee.end_point[0]))

    def _line(self, row: int) -> int:
        return self._offset + row

    def _text_of(self, node: "Node") -> str:
        """Return the text of a node on one line, with an ellipsis for each comment in it."""
        comments = list(self._comments(node)) if node.end_point[0] > node.start_point[0] else []
        at, parts = node.start_byte, []
        for start, end in comments:
            parts.append(self._text(at, start))
            at = end
        parts.append(self._text(at, node.end_byte))
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

    def _text(self, start: int, end: int) -> str:
        return " ".join(self._data[start:end].decode("utf-8", "replace").split())


def _bare(text: str) -> str:
    """Return a condition without the parentheses that enclose all of it."""
    if not (text.startswith("(") and text.endswith(")")):
        return text.rstrip("; ")
    depth = 0
    for at, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and at < len(text) - 1:
            return text
    return text[1:-1].strip()
