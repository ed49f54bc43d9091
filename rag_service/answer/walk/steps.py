"""The steps of a walkthrough: statements of any language, told apart by their role."""

from collections.abc import Iterator
from dataclasses import dataclass

CONDITIONAL = frozenset(("if", "unless"))
LOOPS = frozenset(("each", "while", "until", "loop"))
COMPOUND = CONDITIONAL | LOOPS | {"switch", "try", "with", "function", "class"}
CLAUSES = frozenset(("elif", "else", "case", "catch", "finally"))


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


def raised_names(root: Step) -> list[str]:
    """Return the names of the errors that a symbol makes and raises, in its order."""
    steps = list(root.within())
    made = {step.target: step.calls[0].name for step in steps if step.target and step.calls}
    raised = [step for step in steps if step.role == "raise"]
    names = (step.calls[0].name if step.calls else made.get(step.head.partition(" ")[0], "") for step in raised)
    return list(dict.fromkeys(filter(None, names)))
