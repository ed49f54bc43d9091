"""Read the statements of a symbol from its syntax tree, the same in every language whose table names its node types."""

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

from ml.index.chunk import Chunk, digest, last_name
from ml.index.languages import LANGUAGES
from ml.index.languages.definitions import Definition
from ml.index.outline import definition_of, is_readable
from rag_service.answer.walk.nodes import MOST_NODES, WORD
from rag_service.answer.walk.parts import Parts, bare
from rag_service.answer.walk.steps import CLAUSES, COMPOUND, CONDITIONAL, Step

if TYPE_CHECKING:
    from tree_sitter import Node

TRANSPARENT = frozenset(("block", "declare"))
EQUALS = frozenset(("=", ":=", "<-", "?=", "||="))
TARGETS = ("left", "name", "pattern", "target", "declarator", "key")
KEYWORDS = frozenset(("throw", "raise", "return", "yield", "assert", "del"))
VALUED = frozenset(("return", "raise", "yield", "exit", "assert", "delete", "next", "leave"))
DEEPEST = 40


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
    if not language or not language.walk.roles or not is_readable(chunk.text):
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


class _Reader(Parts):
    """Turns the nodes of one tree into steps."""

    def symbol(self, found: Definition) -> Step:
        """Return a definition as a step; its body is that of the function or class."""
        node = found.node
        if node is None:
            raise ValueError("a definition without a node")
        body = found.body or node
        alone = body is node or self.role(body) not in {"block", ""}
        steps, clauses = self._steps([body] if alone and found.kind != "module" else body.children)
        if len(steps) == 1 and steps[0].role in {"function", "class"} and body is node:
            steps, clauses = steps[0].body, steps[0].branches
        steps = self._guarded(steps, clauses)
        first, last = self.line(found.line), self.line(found.end)
        if found.kind in {"class", "module"}:
            return Step(found.kind, first, last, head_last=first, body=steps)
        steps = steps if node.has_error else self._with_last(steps)
        return Step("function", first, last, head_last=first, body=steps, branches=self._decorators(found))

    def _decorators(self, found: Definition) -> tuple[Step, ...]:
        """Return the decorators of a function, as its branches."""
        around = [node for node in (found.outer, found.node) if node is not None]
        nodes = {child.id: child for node in around for child in node.children if self.role(child) == "decorator"}
        return tuple(self._plain(node, "decorator") for node in nodes.values())

    def _steps(self, nodes: Sequence["Node"], depth: int = 0) -> tuple[tuple[Step, ...], tuple[Step, ...]]:
        """Return the statements among some nodes, and the clauses (cases, handlers) that stand directly among them."""
        steps: list[Step] = []
        clauses: list[Step] = []
        for node in nodes if depth < DEEPEST else ():
            role = self.role(node) if node.is_named else "skip"
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
        named = [child for child in node.named_children if self.role(child) != "skip"]
        if role == "declare":
            named = [child for child in named if self.role(child) in {"assign", "declare", "function"}]
        elif node.type.endswith("statement") and len(named) > 1 and not any(map(self.role, named)):
            return (self._plain(node, "other"),), ()
        return self._steps(named, depth)

    def _compound(self, node: "Node", role: str, depth: int) -> Step:
        """Return a statement with a body: what stands before the body is its head."""
        head, bodies, clauses, otherwise = self.parts(node)
        if not bodies:  # `guard … else {…}`
            bodies, otherwise = otherwise, []
        steps, lifted = self._steps(bodies, depth)
        branches = [branch for clause in clauses for branch in self._clause(clause, self.role(clause), depth)]
        if otherwise:
            branches += self._otherwise(otherwise, depth)
        if role == "while" and node.children and node.children[0].type == "until":
            role = "until"
        step = self.headed(node, role, head)
        step = self.each(node, step) if role == "each" else step
        if role == "function":
            step = replace(step, head=self.header(node, bodies))
            steps = self._with_last(self._guarded(steps, lifted))
            lifted = ()
        return replace(step, body=steps, branches=(*lifted, *branches), calls=self.calls(head))

    def _clause(self, node: "Node", role: str, depth: int) -> list[Step]:
        """Return a clause as one step, or as several: the cases in a handler, the conditions of an `else if`."""
        if role == "case":
            head, bodies = self.case(node)
            steps, lifted = self._steps(bodies, depth)
            if steps and steps[-1].role == "leave":  # the `break` of a case
                steps = steps[:-1]
            return [replace(self.headed(node, "case", head), body=steps, branches=lifted)]
        head, bodies, clauses, otherwise = self.parts(node)
        if role == "else":
            return self._otherwise(bodies or otherwise or head[1:], depth)
        beside = node.next_named_sibling
        if not bodies and beside and self.role(beside) == "block":
            bodies = [beside]
        steps, lifted = self._steps(bodies, depth)
        if lifted and not steps:
            return [replace(case, role=role) for case in lifted]
        further = [branch for clause in clauses for branch in self._clause(clause, self.role(clause), depth)]
        further += self._otherwise(otherwise, depth) if otherwise else []
        return [replace(self.headed(node, role, head), body=steps, calls=self.calls(head)), *lifted, *further]

    def _otherwise(self, nodes: list["Node"], depth: int) -> list[Step]:
        steps, lifted = self._steps(nodes, depth)
        if not steps and not lifted:
            return []
        if len(steps) == 1 and steps[0].role == "if":
            return [replace(steps[0], role="elif", branches=()), *steps[0].branches]
        first, last = self.line(nodes[0].start_point[0]), self.line(nodes[-1].end_point[0])
        return [Step("else", first, last, head_last=first, body=steps, branches=lifted)]

    def _simple(self, node: "Node", role: str, depth: int) -> Step | None:
        if role in {"assign", "operator"}:
            return self._assignment(node, role, depth)
        if role == "wrap":
            named = [child for child in node.named_children if self.role(child) != "skip"]
            inner = self._simple(named[0], self.role(named[0]), depth) if len(named) == 1 and depth < DEEPEST else None
            return (
                replace(inner, head=self.text_of(node))
                if inner and inner.role == "call"
                else self._plain(node, "other")
            )
        if role in VALUED:
            return self._valued(node, role, depth)
        return self._plain(node, role or "other", depth)

    def _plain(self, node: "Node", role: str, depth: int = DEEPEST) -> Step:
        first, last = self.line(node.start_point[0]), self.line(node.end_point[0])
        body = self._inner(node, depth)
        return Step(role, first, last, self.text_of(node), head_last=last, body=body, calls=self.calls([node]))

    def _valued(self, node: "Node", role: str, depth: int) -> Step:
        """Return a statement with its value: what follows the keyword; of a call with parentheses all of it."""
        step = self._plain(node, role, depth)
        if role == "assert" and node.named_children and self.language.roles.get(node.type) != "call":
            return replace(step, head=self.text_of(node.named_children[0]))
        word = WORD.match(step.head)
        value = step.head[word.end() :].strip() if word else step.head
        is_call = value.startswith(("(", "!(")) and word is not None and word[1] not in KEYWORDS
        return step if is_call else replace(step, head=bare(value))

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
        value = self.text(after[0].start_byte, node.end_byte).rstrip("; ")
        step = self._plain(node, "assign", depth)
        gets = len(after) <= 2 and self.is_call(after[0])
        return replace(step, role="gets" if gets else "assign", target=self.text_of(target), head=value)

    def _equals(self, child: "Node") -> bool:
        return child.type in EQUALS or (child.type == "operator" and self.text_of(child) in EQUALS)

    def _inner(self, node: "Node", depth: int) -> tuple[Step, ...]:
        """Return the body of the first function that a longer statement contains, such as a callback."""
        if node.end_point[0] - node.start_point[0] < 2:
            return ()
        waiting = [node]
        for _ in range(MOST_NODES):
            if not waiting:
                break
            child = waiting.pop(0)
            if child is not node and self.language.roles.get(child.type) == "function":
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
        if not self.language.value_last or not steps:
            return steps
        *before, last = steps
        if last.role in {"call", "other", "value"} and not last.head.endswith(";"):
            last = replace(last, role="last")
        elif last.role in CONDITIONAL | {"switch", "try"} | CLAUSES:
            branches = tuple(replace(one, body=self._with_last(one.body)) for one in last.branches)
            last = replace(last, body=self._with_last(last.body), branches=branches)
        return (*before, last)
