"""What belongs to a symbol: the definitions that it calls and raises, its bases, what it overrides, its namesakes and tests."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ml.index.asides import asides
from ml.index.chunk import Chunk, last_name
from ml.index.store.base import Where
from ml.patterns import bounded
from rag_service.answer.code.callers import Callers
from rag_service.answer.code.calls import CALL, may_mean
from rag_service.answer.code.lines import LineMatcher, is_comment
from rag_service.answer.code.stored import FileLines, StoredLines
from rag_service.answer.code.symbols import components, contains, owner_of, whole_symbol
from rag_service.answer.gather.names import bases_of
from rag_service.retrieve import Retriever

Why = Literal["called", "raised", "base", "overridden", "namesake", "test"]
MOST_NAMES = 24  # looked up in one query
NAMESAKES = 2
COMMON = 3  # a name with more definitions than this says little about which one is called
RAISED = bounded(r"\b(?:raise|throw(?:\s+new)?|panic\(|except|catch\s*\()\s*\(?([A-Za-z_][\w.]*)")


@dataclass(frozen=True, slots=True)
class Related:
    """A whole symbol, and why it belongs to the subject."""

    chunk: Chunk
    why: Why


class Widening:
    """What belongs to one symbol, found with two queries by name."""

    def __init__(
        self, subject: Chunk, retriever: Retriever, lines: StoredLines, matcher: LineMatcher, where: Where
    ) -> None:
        self._subject = subject
        self._lines = lines
        self._matcher = matcher
        self._names = _named_in(subject, lines(subject.repo, subject.file_path), matcher)
        owner = subject if subject.kind == "class" else owner_of(subject, lines(subject.repo, subject.file_path))
        self._bases = bases_of(owner) if owner else []
        own = last_name(subject.symbol)
        wanted = list(dict.fromkeys([own, *self._bases, *self._names]))[:MOST_NAMES]
        within = Where([subject.repo], where.paths, where.languages)
        self.known: Sequence[Chunk] = retriever.definitions(wanted, where=within) if own else []
        """The first chunks of the definitions that the subject names, and of its namesakes."""

    def related(self, callers: Callers) -> list[Related]:
        """Return what belongs to the subject, without what lies within it: each with the best reason, in their order."""
        found: list[Related] = []
        for each in (*self._above(), *self._used(), *self._tests(callers), *self._namesakes()):
            chunk = whole_symbol(each.chunk, self._lines(each.chunk.repo, each.chunk.file_path))
            told = [self._subject, *(other.chunk for other in found)]
            if not contains(chunk, self._subject) and not any(contains(one, chunk) for one in told):
                found.append(Related(chunk, each.why))
        return found

    def _above(self) -> Iterator[Related]:
        """Yield the method that the subject overrides, and the bases of its class."""
        own = last_name(self._subject.symbol)
        for base in self._bases:
            yield from (
                Related(chunk, "overridden")
                for chunk in self.known
                if components(chunk.symbol)[-2:] == [base, own] and self._subject.kind == "method"
            )
            yield from (Related(chunk, "base") for chunk in self._defining(base) if chunk.kind == "class")

    def _used(self) -> Iterator[Related]:
        """Yield the definitions that the subject raises, handles or calls, those that match the question first."""
        for name, used in self._names.items():
            for chunk in self._defining(name):
                if used.is_raised or any(self._may_mean(name, each, chunk) for each in used.receivers):
                    yield Related(chunk, "raised" if used.is_raised else "called")

    def _may_mean(self, name: str, receiver: str | None, chunk: Chunk) -> bool:
        return may_mean(name, receiver, chunk, self._subject, self._bases)

    def _defining(self, name: str) -> Sequence[Chunk]:
        """Return the definition of a name: in the subject's file, or anywhere if there are few."""
        named = [chunk for chunk in self.known if last_name(chunk.symbol) == name and not _is_test(chunk)]
        here = [chunk for chunk in named if chunk.file_path == self._subject.file_path]
        return (here or (named if len(named) <= COMMON else []))[:1]

    def _tests(self, callers: Callers) -> Iterator[Related]:
        if not callers.ambiguous:
            yield from [Related(call.chunk, "test") for call in callers.calls if _is_test(call.chunk)][:1]

    def _namesakes(self) -> Iterator[Related]:
        own = last_name(self._subject.symbol)
        same = [chunk for chunk in self.known if last_name(chunk.symbol) == own and not _is_test(chunk)]
        others = [
            chunk
            for chunk in same
            if chunk.file_path != self._subject.file_path or chunk.symbol != self._subject.symbol
        ]
        if len(others) <= COMMON:
            yield from (Related(chunk, "namesake") for chunk in others[:NAMESAKES])


@dataclass(slots=True)
class Use:
    """How a name is used: raised or handled, or called on some receivers (None for a plain call); its best line's score."""

    is_raised: bool = False
    receivers: set[str | None] = field(default_factory=set)
    score: float = 0.0


def _named_in(chunk: Chunk, stored: FileLines, matcher: LineMatcher) -> dict[str, Use]:
    """Return the names that a chunk raises, handles or calls, best match first; examples in docstrings call nothing."""
    uses: defaultdict[str, Use] = defaultdict(Use)
    for number, text in enumerate(chunk.text.split("\n"), start=chunk.line_start):
        if is_comment(text) or number in stored.in_strings:
            continue
        score = matcher.score(text)
        for call in CALL.finditer(text):
            uses[call["name"]].receivers.add(call["receiver"])
            uses[call["name"]].score = max(score, uses[call["name"]].score)
        for raised in RAISED.finditer(text):
            name = components(raised[1])[-1]
            uses[name].is_raised = True
            uses[name].score = max(score, uses[name].score)
    ranked = sorted(uses, key=lambda name: -uses[name].score - matcher.score(name))
    return {name: uses[name] for name in ranked if name != last_name(chunk.symbol) and not name.startswith("__")}


def _is_test(chunk: Chunk) -> bool:
    return "tests" in asides(chunk.file_path)
