"""Choose the steps that a walkthrough tells, by the question and within a number of words."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ml.patterns import linear
from rag_service.answer.question import Intent
from rag_service.answer.walk.spans import LONGEST
from rag_service.answer.walk.steps import CLAUSES, COMPOUND, CONDITIONAL, Step

# How much a step tells by its role alone; the question's words in it add up to 1.0.
WORTH = {
    "raise": 0.5, "return": 0.4, "last": 0.4, "yield": 0.4, "exit": 0.4, "call": 0.25, "gets": 0.22, "assert": 0.2,
    "assign": 0.08, "update": 0.1, "delete": 0.15, "next": 0.05, "leave": 0.05, "other": 0.1, "value": 0.0,
}  # fmt: skip
STATE = 0.2
KNOWN = 0.2
DEPTH = 0.001
LOGGED = 0.01
ENDS = 0.3
FAILING = 0.6
PREPARED = 3  # statements before a `raise` or `return` that may have made what it gives
LOGS = frozenset(
    "debug info log trace print println warning warn error exception printf fprintf Println Printf".split()
)
STATEFUL = frozenset(".[@>:")
FAILURE = linear(
    r"(?i)\b(?:wrong|invalid|fail\w*|error\w*|exceptions?|rais\w+|throw\w*|missing|reject\w*|refus\w+|broken|bad|unhandled"
    r"|malformed|abort\w*|crash\w*|cannot|can't|timeouts?)\b"
    r"|(?:ошиб|исключени|неверн|неправильн|невалид|не удал|отказ|отклон|сбо[йяе]|падает|бросает)"
)
LENGTHS = {Intent.WHERE: 70, Intent.WHY: 90, Intent.CALLERS: 60}
LENGTH = 230


def length_of(intent: Intent) -> int:
    """Return how many words a walkthrough may have."""
    if intent & (Intent.HOW | Intent.WHAT):
        return LENGTH
    return max((length for asked, length in LENGTHS.items() if asked in intent), default=LENGTH)


def is_about_failure(question: str) -> bool:
    """Return whether a question asks what happens when something goes wrong."""
    return bool(FAILURE.search(question))


@dataclass(frozen=True)
class Chooser:
    """Rates steps: `share` is how much of the question a text holds, `known` tells the calls whose definition is known."""

    share: Callable[[str], float]
    known: Callable[[Step], bool]
    failing: bool = False

    def choose(self, root: Step, words: int) -> frozenset[int]:
        """Return the ids of the steps to tell, with all that they are within."""
        above: dict[int, tuple[Step, ...]] = {}
        rated = sorted(self._rated(root, (), above), key=lambda one: (-one[0], one[1].first))
        chosen: set[int] = set()
        left = words
        for worth, step in rated:
            wanted = [one for one in (*above[id(step)], step) if id(one) not in chosen]
            cost = sum(map(_words, wanted))
            if worth <= 0 or cost > left:
                continue
            left -= cost
            chosen |= set(map(id, wanted))
        return frozenset(chosen)

    def worth(self, step: Step, prepared: Sequence[Step] = ()) -> float:
        """Return how much a step tells, with the assignment that made what it gives."""
        text = " ".join(f"{one.target} {one.head}" for one in (step, *prepared))
        found = WORTH.get(step.role, 0.0) + self.share(text)
        if step.role == "call" and step.calls and step.calls[0].name in LOGS:
            return found - WORTH["call"] + LOGGED
        if step.role in {"assign", "gets", "update"} and STATEFUL & set(step.target):
            found += STATE
        if self.failing and step.role == "raise":
            found += FAILING
        return found + (KNOWN if self.known(step) else 0.0)

    def _rated(
        self, root: Step, around: tuple[Step, ...], above: dict[int, tuple[Step, ...]]
    ) -> Iterator[tuple[float, Step]]:
        """Yield the worth of each simple step: its own, and a part of what it stands under."""
        inside = sum(self._context(step) for step in around)
        steps = (*root.body, *root.branches)
        for number, step in enumerate(steps):
            prepared = _prepared(steps[max(0, number - PREPARED) : number], step)
            above[id(step)] = (*_beside(around), *prepared)
            ends = ENDS if not around and number in {0, len(root.body) - 1} else 0.0
            if not (step.body or step.branches):
                worth = 0.0 if step.role in COMPOUND else self.worth(step, prepared) + inside + ends
                yield worth - DEPTH * len(around), step
            else:
                if step.role not in COMPOUND and step.role in WORTH:
                    yield self.worth(step) + inside + ends, step
                yield from self._rated(step, (*around, step), above)

    def _context(self, step: Step) -> float:
        handles = FAILING / 2 if self.failing and step.role == "catch" else 0.0
        return 0.5 * self.share(f"{step.target} {step.head}") + handles


def _beside(around: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return what a step stands under; if that is an `else`, with the first step of the `if`, so that both sides are told."""
    first = [
        outer.body[0]
        for outer, inner in pairwise(around)
        if outer.role in CONDITIONAL and inner.role in CLAUSES and outer.body and not outer.body[0].body
    ]
    return (*around, *(step for step in first if step.role not in COMPOUND))


def _prepared(before: Sequence[Step], step: Step) -> Sequence[Step]:
    """Return the last assignment shortly before a `raise` or `return` that uses it."""
    uses = step.role in {"raise", "return"} and step.head
    return [one for one in before if uses and one.target and not one.body and one.target in step.head][-1:]


def _words(step: Step) -> int:
    shown = f"{step.target} {step.head[:LONGEST]}"
    return 3 + len(shown.split())
