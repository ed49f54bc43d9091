"""The indexed code that pairs are made from: the symbols worth a question, and every word that occurs."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ml.dataset.wording.draft import chance
from ml.index import tokens
from ml.index.asides import asides
from ml.index.chunk import Chunk, last_name
from ml.index.outline import Outline, outline
from ml.index.store.base import Repository, Store

MOST_FILES = 1_500
FEWEST_LETTERS, FEWEST_PARTS = 3, 2
CALLABLE = frozenset(("function", "method"))
SPECIAL = re.compile(r"__\w+__|test_?\w*|main|wrapper|decorator|inner|_+", re.IGNORECASE)


@dataclass(frozen=True)
class Symbol:
    """A function or method that begins in this chunk, with its outline."""

    chunk: Chunk
    about: Outline

    @cached_property
    def name(self) -> str:
        """The last part of the symbol's name."""
        return last_name(self.chunk.symbol)


@dataclass
class Corpus:
    """Chunks of code to ask about; `stems` are the words of everything indexed, including tests and docs."""

    symbols: list[Symbol] = field(default_factory=list)
    others: list[Chunk] = field(default_factory=list)
    defined: Counter[tuple[str, str]] = field(default_factory=Counter)
    whole: Counter[tuple[str, str]] = field(default_factory=Counter)
    stems: set[str] = field(default_factory=set)
    read: Counter[str] = field(default_factory=Counter)

    def is_unique(self, repo: str, name: str) -> bool:
        """Return whether a full or last name is that of exactly one symbol in a repository."""
        return self.defined[repo, name] == 1

    def askable(self) -> Iterator[Symbol]:
        """Yield the symbols whose full names are unique in their repository."""
        return (symbol for symbol in self.symbols if self.whole[symbol.chunk.repo, symbol.chunk.symbol] == 1)


def read_corpus(store: Store, repositories: Sequence[Repository], seed: int) -> Corpus:
    """Read the repositories' chunks; beyond MOST_FILES files, sample each repository by its share and the seed."""
    corpus = Corpus()
    share = max(1, MOST_FILES // len(repositories))
    for repository in repositories:
        paths = sorted(store.files(repository.name), key=lambda path: chance(seed, repository.name, path))
        for path in sorted(paths[:share]):
            corpus.read[repository.name] += 1
            _add(corpus, store.chunks(repository.name, path))
    return corpus


def _add(corpus: Corpus, chunks: Sequence[Chunk]) -> None:
    for chunk in chunks:
        corpus.stems.update(tokens.stem(word) for word in tokens.words(f"{chunk.file_path} {chunk.text}"))
    beside = bool(chunks) and bool(asides(chunks[0].file_path))
    abouts = [outline(chunk) if chunk.kind in CALLABLE and not beside else Outline() for chunk in chunks]
    for chunk, about in _definitions(chunks, abouts):
        corpus.whole[chunk.repo, chunk.symbol] += 1
        for name in {chunk.symbol, last_name(chunk.symbol)}:
            corpus.defined[chunk.repo, name] += 1
        if about.signature and _is_telling(chunk.symbol):
            corpus.symbols.append(Symbol(chunk, about))
    if not beside:
        corpus.others += [chunk for chunk in chunks if chunk.kind not in CALLABLE]


def _definitions(chunks: Sequence[Chunk], abouts: Sequence[Outline]) -> Iterator[tuple[Chunk, Outline]]:
    """Yield the chunks in which a symbol begins: a long symbol spans several, and each overload has its own."""
    last = None
    for chunk, about in zip(chunks, abouts, strict=True):
        if chunk.symbol and ((chunk.symbol, chunk.kind) != last or about.signature):
            yield chunk, about
        last = (chunk.symbol, chunk.kind)


def _is_telling(symbol: str) -> bool:
    """Return whether people could ask for a symbol: `default` could be anything, `Cache.default` and `default_port` not."""
    name = last_name(symbol)
    told = name != symbol or len(tokens.parts_of(name)) >= FEWEST_PARTS
    return told and len(name.strip("_")) >= FEWEST_LETTERS and not SPECIAL.fullmatch(name)
