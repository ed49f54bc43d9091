"""The walkthrough of one symbol: numbered sentences in the order of its code, with what the code that it calls does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ml.index.chunk import Chunk, last_name
from ml.index.outline import outline
from rag_service.answer.code.lines import LineMatcher
from rag_service.answer.composed.prose import best_sentences, inline_code, place, shorten
from rag_service.answer.question import Asked
from rag_service.answer.walk.callees import Callees, members_of
from rag_service.answer.walk.choose import Chooser, is_about_failure, length_of
from rag_service.answer.walk.spans import span
from rag_service.answer.walk.steps import Step, read_members, read_steps
from rag_service.answer.walk.tell import Item, Teller, markdown
from rag_service.retrieve.question import stems_of

NOTES = 4
MEMBERS = 6
STATE = 8
ASIDE = 140
INSIDE = 45  # words about the inside of code that is called
TELLING = 0.5
SUMMARY = 24
DETAIL = 110
CONSTRUCTORS = frozenset(("__init__", "constructor", "initialize", "__construct", "init", "new"))

Cite = Callable[[Chunk, int, int], str]


@dataclass(frozen=True)
class Walkthrough:
    """Explains symbols for one question; `known` are the definitions that it may refer to, `cite` numbers the evidence."""

    asked: Asked
    matcher: LineMatcher
    known: Sequence[Chunk]
    cite: Cite

    def markdown(self, chunk: Chunk) -> str:
        """Return the walkthrough of a symbol as Markdown; "" where its syntax can't be read."""
        root = read_steps(chunk)
        if root is None or not (root.body or root.branches):
            return ""
        if root.role == "class":
            return _Class(self, chunk, root).markdown()
        told, complete = self._items(chunk, root, length_of(self.asked.intent))
        if not told:
            return ""
        title = self._teller(chunk, frozenset()).word("steps" if complete else "steps_chosen")
        intro = list(self._decorated(chunk, root))
        return "\n\n".join([*intro, f"{title}\n\n{markdown(told, self._mark(chunk))}"])

    def detail(self, chunk: Chunk, root: Step, words: int) -> str:
        """Return the numbered sentences alone."""
        return markdown(self._items(chunk, root, words)[0], self._mark(chunk))

    def summary(self, chunk: Chunk, root: Step | None = None) -> tuple[str, str]:
        """Return what a function does in a clause, and its marks: its docstring, else what it returns and raises."""
        about, root = outline(chunk), root or read_steps(chunk)
        sentence = next(iter(best_sentences(about.docstring, self.matcher.score, limit=1)), "")
        named = root.first if root else chunk.line_start  # below comments and decorators
        first = min(max(named, about.body_start - 1), chunk.line_end)
        if sentence:
            return shorten(sentence, ASIDE), self.cite(chunk, chunk.line_start, first)
        if root is None:
            return "", self.cite(chunk, chunk.line_start, first)
        ends = tuple(_ends(root.body)) or root.body
        told, _ = self._items(chunk, replace(root, body=ends), SUMMARY, notes=False)
        if not told or told[0].items:
            return "", self.cite(chunk, root.first, root.first)
        return told[0].text, self.cite(chunk, root.first, told[0].last)

    @cached_property
    def callees(self) -> Callees:
        """The known definitions, by name."""
        return Callees(self.known)

    @cached_property
    def failing(self) -> bool:
        """Whether the question asks what happens when something goes wrong."""
        return is_about_failure(self.asked.text)

    def word(self, phrase: str, **values: object) -> str:
        """Return a phrase of a walkthrough in the question's language."""
        return Teller(self.asked.language, "", ()).word(phrase).format(**values)

    def share(self, chunk: Chunk, text: str) -> float:
        """Return how much of the question a text of a symbol holds; words of the symbol's own name count little."""
        return self.matcher.share(self.matcher.score(text, stems_of(chunk.symbol)))

    def _chooser(self, chunk: Chunk) -> Chooser:
        return Chooser(lambda text: self.share(chunk, text), lambda step: bool(self._called(chunk, step)), self.failing)

    def _teller(self, chunk: Chunk, chosen: frozenset[int]) -> Teller:
        return Teller(self.asked.language, chunk.language, chosen)

    def _mark(self, chunk: Chunk) -> Callable[[int, int], str]:
        def mark(first: int, last: int) -> str:
            last = min(last, chunk.line_end)
            lines = self.word("at_line" if first == last else "at_lines", first=first, last=last)
            return f"({lines}) {self.cite(chunk, first, last)}"

        return mark

    def _items(self, chunk: Chunk, root: Step, words: int, *, notes: bool = True) -> tuple[list[Item], bool]:
        """Return the items about a symbol, and whether they tell all of its steps."""
        chosen = self._chooser(chunk).choose(root, words)
        told = self._teller(chunk, chosen).items(root.body, ends=True)
        if notes:
            self._annotate(chunk, told)
        simple = [step for step in root.within() if step is not root and not step.body and not step.branches]
        return told, all(id(step) in chosen for step in simple)

    def _annotate(self, chunk: Chunk, told: Sequence[Item]) -> None:
        """Say below each item what the code does that it calls, each definition once."""
        calls: list[tuple[Item, Chunk]] = []
        seen: set[tuple[str, str]] = set()
        for item in _all(told):
            for definition in (found for step in item.about for found in self._called(chunk, step)):
                if (definition.file_path, definition.symbol) not in seen:
                    seen.add((definition.file_path, definition.symbol))
                    calls.append((item, definition))
        best = sorted(calls, key=lambda call: -self.share(chunk, call[1].text))[:NOTES]
        for item, definition in (call for call in calls if call in best):
            item.notes.append(self._note(definition))

    def _called(self, chunk: Chunk, step: Step) -> list[Chunk]:
        return [found for call in step.calls if (found := self.callees.find(call, chunk))]

    def _note(self, definition: Chunk) -> str:
        about, mark = self.summary(definition)
        name, where = inline_code(last_name(definition.symbol)), place(definition, definition.line_start)
        if not about:
            return self.word("callee_bare", name=name, place=where, mark=mark)
        note = self.word("callee", name=name, place=where, about=about, mark=mark)
        return " ".join([note, *self._inside(definition)])

    def _inside(self, definition: Chunk) -> Iterator[str]:
        """Yield sentences about the steps within called code that answer a part of the question."""
        root = read_steps(definition)
        if root is None or root.role != "function":
            return
        chooser = self._chooser(definition)
        telling = {
            id(step) for step in root.within() if step is not root and chooser.worth(step) >= TELLING + _worth(step)
        }
        if not telling:
            return
        chosen = chooser.choose(root, INSIDE)
        above = _paths(root)
        kept = {one for step in telling & chosen for one in above[step]}
        for item in self._teller(definition, frozenset(kept)).items(root.body)[:2]:
            if not item.items:
                mark = self.cite(definition, item.first, min(item.last, definition.line_end))
                yield f"{item.text[:1].upper()}{item.text[1:]} {mark}."

    def _decorated(self, chunk: Chunk, root: Step) -> Iterator[str]:
        found = [step for step in root.branches if step.role == "decorator"]
        if found:
            names = ", ".join(span(step.head) for step in found)
            yield self.word("decorated", names=names, mark=self.cite(chunk, found[0].first, found[-1].last))


@dataclass(frozen=True)
class _Class:
    """The walkthrough of a class: its attributes, its constructor, its methods, and in detail the one that answers."""

    walk: Walkthrough
    chunk: Chunk
    root: Step

    def markdown(self) -> str:
        parts = [*self._attributes(), *self._constructor()]
        listed = [f"- {self._member(member)}" for member in self._chosen]
        if listed:
            parts.append("\n".join([self.walk.word("members"), "", *listed]))
        return "\n\n".join([*parts, *self._detail()])

    @cached_property
    def members(self) -> list[Chunk]:
        """The methods, as chunks of their own."""
        inside = [one for one in read_members(self.chunk) if one.kind == "method"]
        names = {member.symbol for member in inside}
        return inside + [one for one in members_of(self.chunk, self.walk.known) if one.symbol not in names]

    @cached_property
    def _chosen(self) -> list[Chunk]:
        others = [one for one in self.members if last_name(one.symbol) not in CONSTRUCTORS]
        best = sorted(others, key=lambda one: -self._worth(one))[:MEMBERS]
        return [one for one in others if one in best]

    def _worth(self, member: Chunk) -> float:
        return self.walk.share(self.chunk, member.text) - 0.05 * last_name(member.symbol).startswith("_")

    def _attributes(self) -> Iterator[str]:
        found = [step for step in self.root.body if step.role in {"assign", "gets"}]
        best = sorted(found, key=lambda step: -self.walk.share(self.chunk, f"{step.target} {step.head}"))[:STATE]
        told = [step for step in found if step in best]
        if told:
            names = ", ".join(span(step.target) for step in told)
            mark = self.walk.cite(self.chunk, told[0].first, told[-1].last)
            yield self.walk.word("attributes", names=names, mark=mark)

    def _constructor(self) -> Iterator[str]:
        for member in self.members:
            root = read_steps(member) if last_name(member.symbol) in CONSTRUCTORS else None
            if root is None:
                continue
            state = [
                step for step in root.within() if step.role in {"assign", "gets"} and set("@.>") & set(step.target)
            ]
            if state:
                names = ", ".join(dict.fromkeys(span(step.target) for step in state[:STATE]))
                mark = self.walk.cite(self._cited(member), root.first, max(step.last for step in state[:STATE]))
                yield self.walk.word("constructor", name=inline_code(last_name(member.symbol)), names=names, mark=mark)
            return

    def _cited(self, member: Chunk) -> Chunk:
        inside = self.chunk.line_start <= member.line_start and member.line_end <= self.chunk.line_end
        return self.chunk if inside and member.file_path == self.chunk.file_path else member

    def _member(self, member: Chunk) -> str:
        about, mark = replace(
            self.walk, cite=lambda _, first, last: self.walk.cite(self._cited(member), first, last)
        ).summary(member)
        name = inline_code(last_name(member.symbol))
        return self.walk.word("member" if about else "member_bare", name=name, about=about, mark=mark)

    def _detail(self) -> Iterator[str]:
        best = max(self._chosen, key=self._worth, default=None)
        root = read_steps(best) if best else None
        if best and root and self._worth(best) > 0:
            told = replace(self.walk, cite=lambda chunk, first, last: self.walk.cite(self._cited(chunk), first, last))
            listed = told.detail(best, root, DETAIL)
            if listed:
                yield f"{self.walk.word('detail', name=inline_code(last_name(best.symbol)))}\n\n{listed}"


def _ends(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield the statements that return or raise, with what they stand under."""
    for step in steps:
        if step.role in {"return", "raise", "yield", "last", "exit"}:
            yield step
        elif step.body or step.branches:
            body, branches = tuple(_ends(step.body)), tuple(_ends(step.branches))
            if body or branches:
                yield replace(step, body=body, branches=branches)


def _worth(step: Step) -> float:
    return 0.25 if step.role in {"return", "last", "call", "gets"} else 0.0


def _paths(root: Step, above: frozenset[int] = frozenset()) -> dict[int, frozenset[int]]:
    """Return the ids of each step and all that it is within."""
    found: dict[int, frozenset[int]] = {}
    for step in (*root.body, *root.branches):
        found[id(step)] = above | {id(step)}
        found |= _paths(step, found[id(step)])
    return found


def _all(told: Sequence[Item]) -> Iterator[Item]:
    for item in told:
        yield item
        yield from _all(item.items)
