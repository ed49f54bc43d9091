"""The walkthrough of one symbol: numbered sentences in the order of its code, with what the code that it calls does."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ml.index.chunk import Chunk, last_name
from ml.index.outline import outline
from rag_service.answer.code.lines import LineMatcher
from rag_service.answer.composed.prose import best_sentences, inline_code, place, shorten
from rag_service.answer.question import Asked
from rag_service.answer.walk.callees import Callees
from rag_service.answer.walk.choose import Chooser, is_about_failure, length_of
from rag_service.answer.walk.classes import ClassWalk
from rag_service.answer.walk.reader import read_steps
from rag_service.answer.walk.relation import Hop, relation_in, way
from rag_service.answer.walk.spans import span
from rag_service.answer.walk.steps import Call, Step
from rag_service.answer.walk.tell import Item, Teller, markdown
from rag_service.retrieve.question import stems_of

NOTES = 4
ASIDE = 140
INSIDE = 45  # words about the inside of code that is called
TELLING = 0.5
SUMMARY = 24
USES = 2

Cite = Callable[[Chunk, int, int], str]


@dataclass(frozen=True)
class Walkthrough:
    """Explains symbols for one question; `known` are the definitions that it may refer to, `cite` numbers the evidence."""

    asked: Asked
    matcher: LineMatcher
    known: Sequence[Chunk]
    cite: Cite

    def markdown(self, chunk: Chunk, words: int = 0) -> str:
        """Return the walkthrough of a symbol as Markdown, in about so many words; "" where its syntax can't be read."""
        root = read_steps(chunk)
        if root is None or not (root.body or root.branches):
            return ""
        if root.role == "class":
            used = self._uses(chunk) if self.failing else ()
            return "\n\n".join(filter(None, [ClassWalk(self, chunk, root).markdown(), *used]))
        told, complete = self._items(chunk, root, words or length_of(self.asked.intent))
        if not told:
            return ""
        title = self._teller(chunk, frozenset()).word("steps" if complete else "steps_chosen")
        intro = list(self._decorated(chunk, root))
        return "\n\n".join([*intro, f"{title}\n\n{markdown(told, self._mark(chunk))}"])

    def relation(self) -> str:
        """Return how two symbols that the question names are connected; "" if it does not ask that."""
        found = relation_in(self.asked.text, self.known)
        if found is None:
            return ""
        start, end = (inline_code(last_name(chunk.symbol)) for chunk in (found.start, found.end))
        if not found.hops:
            return self.word("no_path", count=found.looked_at, start=start, end=end)
        hops = [f"{number}. {self._hop(hop)}" for number, hop in enumerate(found.hops, start=1)]
        return "\n".join([self.word("path", start=start, end=end), "", *hops])

    def _hop(self, hop: Hop) -> str:
        line = read_steps(hop.other)
        first = line.first if line else hop.other.line_start
        marks = self._mark(hop.one)(hop.line, hop.line), self.cite(hop.other, first, first)
        names = {"one": inline_code(last_name(hop.one.symbol)), "other": inline_code(last_name(hop.other.symbol))}
        phrase = "hop_base" if hop.is_base else "hop_call"
        return self.word(phrase, **names, place=place(hop.other, first), mark=" ".join(marks))

    def connection(self, start: Chunk, end: Chunk) -> str:
        """Return in a sentence how one symbol calls another, directly or through others; "" if no way is known."""
        hops, _ = way(start, end, self.known)
        if not hops or any(hop.is_base for hop in hops):
            return ""
        said = self.word("which").join(map(self._call, hops))
        return self.word("connected", one=inline_code(last_name(start.symbol)), hops=said)

    def _call(self, hop: Hop) -> str:
        root = read_steps(hop.other)
        first = root.first if root else hop.other.line_start
        marks = self.cite(hop.one, hop.line, hop.line), self.cite(hop.other, first, first)
        name = inline_code(last_name(hop.other.symbol))
        return self.word("calls", other=name, place=place(hop.other, first), mark=" ".join(marks))

    def brief(self, chunk: Chunk, words: int) -> str:
        """Return the numbered sentences about a function alone, "" if it can't be read or is none."""
        root = read_steps(chunk)
        return self.detail(chunk, root, words) if root and root.role == "function" else ""

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
        if len(ends) == 1 and ends[0].head.isidentifier():  # "it returns `result`" says nothing
            ends = tuple(step for step in root.body if step.target == ends[0].head)
        told, _ = self._items(chunk, replace(root, body=ends), SUMMARY, notes=False)
        if not told or told[0].items:
            return "", self.cite(chunk, root.first, root.first)
        return told[0].text, self.cite(chunk, root.first, told[0].last)

    def _uses(self, chunk: Chunk) -> Iterator[str]:
        """Yield where known functions make an instance of a class, and under which conditions: where an error is raised."""
        name, count = last_name(chunk.symbol), 0
        for user in self.known:
            root = read_steps(user) if name in user.text and user.kind in {"function", "method"} else None
            if root is None or count == USES:
                continue
            made = [step for step in root.within() if any(self._is_call_of(call, user, chunk) for call in step.calls)]
            targets = {step.target for step in made if step.target}
            made += [step for step in root.within() if step.role == "raise" and step.head.partition(" ")[0] in targets]
            above = _paths(root)
            kept = frozenset(one for step in made for one in above.get(id(step), ()))
            told = self._teller(user, kept).items(root.body)
            if told:
                count += 1
                title = self.word(
                    "used", name=inline_code(name), user=inline_code(last_name(user.symbol)), place=place(user)
                )
                yield f"{title}\n\n{markdown(told, self._mark(user))}"

    def _is_call_of(self, call: Call, user: Chunk, chunk: Chunk) -> bool:
        found = self.callees.find(call, user) if call.name == last_name(chunk.symbol) else None
        return found is not None and (found.file_path, found.symbol) == (chunk.file_path, chunk.symbol)

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
            item.notes += filter(None, [self._note(chunk, definition)])

    def _called(self, chunk: Chunk, step: Step) -> list[Chunk]:
        return [found for call in step.calls if (found := self.callees.find(call, chunk))]

    def _note(self, chunk: Chunk, definition: Chunk) -> str:
        """Return what called code does, "" if all there is to say is where it lies and its name has no word of the question."""
        about, mark = self.summary(definition)
        if not about and not self.share(chunk, definition.symbol):
            return ""
        root = read_steps(definition)
        name = inline_code(last_name(definition.symbol))
        where = place(definition, root.first if root else definition.line_start)
        if not about:
            return self.word("callee_bare", name=name, place=where, mark=mark)
        note = self.word("callee", name=name, place=where, about=about, mark=mark)
        return " ".join([note, *(said for said in self._inside(definition) if about.lower() not in said.lower())])

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
