"""The turns of a conversation, and the code that each one was about."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from ml.index.chunk import Chunk, last_name
from ml.index.store.base import Store, Where
from ml.patterns import linear
from rag_service.answer.events import Citation
from rag_service.answer.generated.cite import references
from rag_service.retrieve import Retriever
from rag_service.retrieve.question import IDENTIFIER, normalize_name

PLACE = linear(r"`([^`\n]+?):(\d{1,7})(?:-(\d{1,7}))?`")
PLAIN_NAME = linear(r"[\pL_$][\pL\pN_$.:#]*")
QUOTE = '"'
PUNCTUATION = "`\"'«»“”?!.,:;()"
BULLET = linear(r"^\s{0,3}(?:[-*+]|\d{1,3}[.)])\s")


@dataclass(frozen=True, slots=True)
class Turn:
    """A question as it was asked, the text of its answer, and what each `[n]` in it stands for."""

    question: str
    answer: str
    citations: Sequence[Citation] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What an answer is about: a name, as a question would write it, and the code that contains it."""

    name: str
    chunk: Chunk

    @classmethod
    def of(cls, chunk: Chunk) -> Self:
        """Return a whole symbol as the subject, a section by its headings, or code at module level by its file."""
        if chunk.kind == "section" and chunk.symbol:
            return cls(f'"{chunk.symbol.replace(QUOTE, "")}"', chunk)
        return cls(f"`{chunk.symbol or chunk.file_path}`", chunk)

    @property
    def is_symbol(self) -> bool:
        """Whether it has a name in the code."""
        return bool(self.chunk.symbol) and self.chunk.kind != "section"


@dataclass(frozen=True)
class Topic:
    """What a conversation is about after a turn: the question that stands by itself, and the code in its answer.

    `bent_to` is the symbol that a follow-up was about, whatever its answer cites first; `base` is the last question that
    was about no such symbol, `seen` are all questions so far.
    """

    question: str
    where: Where
    turn: Turn
    retriever: Retriever
    bent_to: Subject | None = None
    base: str = ""
    seen: frozenset[str] = frozenset()

    @cached_property
    def cited(self) -> Sequence[Chunk]:
        """The cited symbols, in the order of the answer."""
        by_number = {citation.n: citation for citation in self.turn.citations}
        numbers = dict.fromkeys([*references(self.turn.answer), *by_number])
        return _distinct(self.cited_as(n) for n in numbers)

    @cached_property
    def subject(self) -> Subject | None:
        """What the answer is about: a name in the question, else the first symbol that it cites."""
        symbols = [chunk for chunk in self.cited if chunk.symbol]
        first = next(iter([*symbols, *self.cited]), None)
        return self.bent_to or self._named(self.cited) or (Subject.of(first) if first else self._named(self._found))

    @cached_property
    def others(self) -> Sequence[Subject]:
        """What else the answer offers: the places in its last list, else all that it cites."""
        listed = _distinct(map(self._at, _last_list(self.turn.answer)))
        subject = self.subject.chunk if self.subject else None
        return [Subject.of(chunk) for chunk in listed or self.cited if chunk != subject]

    def cited_as(self, n: int) -> Chunk | None:
        """Return the symbol that `[n]` cites."""
        cited = next((citation for citation in self.turn.citations if citation.n == n), None)
        return symbol_at(self.retriever.store, cited.repo, cited.file_path, cited.line_start) if cited else None

    @property
    def _found(self) -> Sequence[Chunk]:
        """What a search finds, for an answer that cites nothing, such as another assistant's."""
        return [hit.chunk for hit in self.retriever.search(self.question, where=self.where, limit=3)]

    def _named(self, chunks: Sequence[Chunk]) -> Subject | None:
        """Return a name of the question as the subject: the symbol of one of the chunks, or what stands in it."""
        names = list(named_in(self.question))
        for chunk in chunks:
            if chunk.symbol and any(normalize_name(name) == normalize_name(chunk.symbol) for name in names):
                return Subject.of(chunk)
        inner = ((name, chunk) for name in names for chunk in chunks if last_name(name) in chunk.text)
        return next((Subject(f"`{name}`", chunk) for name, chunk in inner if PLAIN_NAME.fullmatch(name)), None)

    def _at(self, place: tuple[str, int]) -> Chunk | None:
        """Return the symbol at a path and line that the answer shows without naming the repository."""
        path, line = place
        cited = [citation.repo for citation in self.turn.citations if citation.file_path == path]
        repos = cited or [repository.name for repository in self.retriever.store.repositories()]
        return next(filter(None, (symbol_at(self.retriever.store, repo, path, line) for repo in repos)), None)


def named_in(text: str) -> Iterator[str]:
    """Yield the names of the code in a text: quoted words, identifiers, and words with a capital inside a sentence."""
    for number, word in enumerate(text.split()):
        name = word.strip(PUNCTUATION)
        is_quoted = name != word.strip("?!.,:;()") and bool(name)
        if is_quoted or IDENTIFIER.search(name) or (number and len(name) > 1 and name[0].isupper() and name.isascii()):
            yield name.removesuffix("()")


def symbol_at(store: Store, repo: str, file_path: str, line: int) -> Chunk | None:
    """Return the first part of the symbol that contains a line, None if the index no longer has it."""
    chunks = store.chunks(repo, file_path)
    found = next((chunk for chunk in chunks if chunk.line_start <= line <= chunk.line_end), None)
    if found is None or not found.symbol:
        return found
    return next(chunk for chunk in chunks if (chunk.symbol, chunk.kind) == (found.symbol, found.kind))


def _last_list(answer: str) -> list[tuple[str, int]]:
    """Return path and line of each item of the answer's last list whose items show places."""
    lists: list[list[tuple[str, int]]] = [[]]
    for line in answer.split("\n"):
        if not BULLET.match(line):
            lists.append([])
        elif shown := PLACE.search(line):
            lists[-1].append((shown[1], int(shown[2])))
    return next(filter(None, reversed(lists)), [])


def _distinct(found: Iterable[Chunk | None]) -> list[Chunk]:
    return list(dict.fromkeys(_present(found)))


def _present(found: Iterable[Chunk | None]) -> Iterator[Chunk]:
    return (chunk for chunk in found if chunk)
