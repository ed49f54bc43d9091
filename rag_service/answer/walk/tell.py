"""Tell steps in sentences: simple ones are joined, branches stand beside their condition, long ones become lists."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from rag_service.answer.question import Language
from rag_service.answer.walk.phrases import HEADS, VERBS, WORDS
from rag_service.answer.walk.spans import GAP, span
from rag_service.answer.walk.steps import COMPOUND, CONDITIONAL, LOOPS, Step

JOINED = 3
INLINE = 320  # characters of a statement with its branches that is told in one sentence
JOINABLE = CONDITIONAL | LOOPS | {"elif", "else", "case", "catch", "with", "finally"}
RAISING = frozenset(("python", "ruby", "elixir", "ocaml", "haskell", "julia"))
DEFAULTS = frozenset(("", "_", "default", "else"))
INDENT = "   "


@dataclass
class Item:
    """A sentence without its full stop, the lines that bear it, and the items below it.

    `about` are the steps that it tells; `marks` are sentences with their own citations that follow below.
    """

    text: str
    first: int
    last: int
    about: tuple[Step, ...] = ()
    items: list["Item"] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Part = tuple[str, Step, Sequence[Step]]  # the head of a branch as it is told, the branch, and its chosen steps


@dataclass(frozen=True)
class Teller:
    """Writes the sentences about chosen steps in one language; `source` is the programming language."""

    language: Language
    source: str
    chosen: Collection[int]

    def items(self, steps: Sequence[Step], *, ends: bool = False) -> list[Item]:
        """Return the items that tell some steps in their order; with `ends` the last one may be where all ends."""
        found: list[Item] = []
        run: list[Step] = []
        for step in filter(self._is_chosen, steps):
            if step.role in COMPOUND or step.body:
                found += self._run(run)
                found += self._compound(step)
                run = []
            else:
                run.append(step)
                if len(run) == JOINED:
                    found += self._run(run)
                    run = []
        found += self._run(run)
        if ends and len(found) > 2 and run and run[-1] is steps[-1] and run[0].role in {"return", "last"}:
            found[-1].text = self.word("ends") + found[-1].text.removeprefix(self.word("it"))
        return found

    def word(self, name: str) -> str:
        """Return a word of the language."""
        return WORDS[self.language][name]

    def phrase(self, step: Step) -> str:
        """Return what a simple step does: "returns `x`"."""
        verbs = VERBS[self.language]
        role = step.role
        if role == "raise":
            called = (
                bool(step.calls) and step.head.startswith(f"{step.calls[0].name}(") and step.calls[0].name.islower()
            )
            role = "fail" if called else "raise" if not step.head or self.source in RAISING else "throw"
        if not step.head or role in {"next", "leave"}:
            role = f"{role}_"
        verb = verbs.get(role, verbs[""])
        return verb.format(code=span(step.head), target=span(step.target, 60))

    def _is_chosen(self, step: Step) -> bool:
        return id(step) in self.chosen

    def _run(self, steps: Sequence[Step]) -> list[Item]:
        if not steps:
            return []
        text = self.word("it") + self._joined(steps)
        return [Item(text, min(step.first for step in steps), max(step.last for step in steps), tuple(steps))]

    def _joined(self, steps: Sequence[Step]) -> str:
        phrases = [self.phrase(step) for step in steps]
        verbs = [phrase.partition("`")[0] for phrase in phrases]
        for at in range(len(phrases) - 1, 0, -1):
            if verbs[at] == verbs[at - 1] and verbs[at] != phrases[at]:
                phrases[at] = phrases[at].removeprefix(verbs[at])
        return self.word("and").join(filter(None, [", ".join(phrases[:-1]), phrases[-1]]))

    def _compound(self, step: Step) -> Iterator[Item]:
        """Yield a statement with its branches: in one sentence where it is short, otherwise as lists."""
        if step.role not in COMPOUND:
            text = self.word("it") + self.phrase(step)
            yield Item(text, step.first, step.head_last, (step,), self.items(step.body))
            return
        if step.role in {"function", "class"}:
            text = self.word("it") + VERBS[self.language]["define"].format(code=span(step.head))
            yield Item(text, step.first, step.head_last or step.first, (step,), self.items(step.body))
            return
        parts = list(self._parts(step))
        inline = self._inline(step, parts)
        if inline:
            yield inline
            return
        if step.role == "switch":
            below = [item for part in parts[1:] for item in self._listed(*part)]
            yield Item(parts[0][0], step.first, step.head_last, (step,), below)
            return
        for part in parts:
            yield from self._listed(*part)

    def _parts(self, step: Step) -> Iterator[Part]:
        """Yield the head of a statement and of its branches, with the chosen steps below.

        A condition is told even if nothing below it is: what follows it holds only where it does not.
        """
        yield self._head(step), step, [one for one in step.body if self._is_chosen(one)]
        told = [
            (branch, [one for one in (*branch.body, *branch.branches) if self._is_chosen(one)])
            for branch in step.branches
        ]
        while told and not told[-1][1]:
            told.pop()
        yield from ((self._head(one, step), one, body) for one, body in told if body or step.role in CONDITIONAL)

    def _head(self, step: Step, of: Step | None = None) -> str:
        heads = HEADS[self.language]
        role = step.role
        if role == "else" and of is not None:
            role = "no_error" if of.role == "try" else "not_left" if of.role in LOOPS else "else"
        elif role == "case" and step.head in DEFAULTS:
            role = "case_"
        elif role == "try" and step.head:
            role = "try_with"
        elif not step.head and f"{role}_" in heads:
            role = f"{role}_"
        return heads.get(role, heads["with"]).format(code=span(step.head), target=span(step.target, 60))

    def _inline(self, step: Step, parts: Sequence[Part]) -> Item | None:
        """Return a statement whose branches are all short as one sentence."""
        told = [one for _, _, body in parts for one in body]
        long = any(len(body) > JOINED for _, _, body in parts) or sum(bool(body) for _, _, body in parts) > JOINED
        if not told or long or any(one.role in COMPOUND or one.body for one in told):
            return None
        text = "; ".join(self._clause(*part) for part in parts)
        if step.role == "if" and [branch.role for branch in step.branches] == ["else"] and not parts[0][2]:
            text = self._clause(self._head(replace(step, role="unless")), step, parts[1][2])
        elif step.role not in CONDITIONAL and not parts[0][2]:
            text = f"{parts[0][0]}: {'; '.join(self._clause(*part) for part in parts[1:])}"
        if len(text) > INLINE:
            return None
        return Item(text, step.first, max(step.head_last, *(one.last for one in told)), (step, *told))

    def _clause(self, head: str, step: Step, body: Sequence[Step]) -> str:
        return f"{head}{self._then(step)}{self._joined(body)}" if body else f"{head}, {GAP}"

    def _then(self, step: Step) -> str:
        conditional = step.role in CONDITIONAL | {"elif"}
        return (self.word("if_then") if conditional else ", ") + self.word("it")

    def _continues(self, step: Step, nested: Step) -> bool:
        """Return whether a nested statement can be told in the same sentence, without branches that seem to be the outer one's."""
        return not any(map(self._is_chosen, nested.branches)) or step.role in LOOPS | {"with"}

    def _listed(self, head: str, step: Step, body: Sequence[Step]) -> Iterator[Item]:
        """Yield a head with the items of its body below it, or in one sentence if there is only one."""
        below = self.items(body)
        first = step.first
        if len(below) == 1 and not below[0].items and step.role in JOINABLE:
            one = below[0]
            nested = one.about[0]
            if nested.role in COMPOUND and not self._continues(step, nested):
                yield Item(head, first, step.head_last or first, (step,), below)
                return
            if nested.role == step.role == "if":
                text = f"{head}{self.word('and')}{one.text.removeprefix(self._head(nested).split(' ', 1)[0] + ' ')}"
            else:
                then = ", " if nested.role in COMPOUND else self._then(step)
                text = f"{head}{then}{one.text.removeprefix(self.word('it'))}"
            yield Item(text, first, max(one.last, step.head_last), one.about)
        elif below:
            yield Item(head, first, step.head_last or first, (step,), below)
        elif step.role in CONDITIONAL | {"elif"}:
            yield Item(f"{head}, {GAP}", first, step.head_last or first, (step,))


Mark = Callable[[int, int], str]


def markdown(items: Sequence[Item], mark: Mark) -> str:
    """Return items as a numbered list; each sentence ends with what `mark` returns for its lines."""
    lines: list[str] = []
    for number, item in enumerate(items, start=1):
        lines += _lines(item, f"{number}. ", mark)
    return "\n".join(lines)


def _lines(item: Item, bullet: str, mark: Mark) -> Iterator[str]:
    below = bool(item.items)
    yield f"{bullet}{capitalized(item.text)} {mark(item.first, item.last)}{':' if below else '.'}"
    indent = " " * (len(bullet) - len(bullet.lstrip())) + INDENT
    for inner in item.items:
        yield from _lines(inner, f"{indent}- ", mark)
    for note in item.notes:
        yield f"{indent}- {note}"


def capitalized(text: str) -> str:
    """Return a sentence that begins with a capital letter."""
    return text[:1].upper() + text[1:]
