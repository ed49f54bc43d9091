"""Find a repository's key symbols, for example questions: defined at top level and used in most files."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from ml.index.chunk import Chunk
from ml.index.store.base import Repository, Store
from ml.memo import Memo
from ml.patterns import bounded, linear

FILES = 120
SYMBOLS = 6
REPOSITORIES = 64  # files whose symbols are cached
IDENTIFIER = re.compile(r"[^\W\d]\w{2,}")
# A name that is called, subscripted, inherited from, imported or used as a type, not a word in a sentence. Each run of
# letters is matched only from its start, and no name is longer than 100 letters.
USE = bounded(
    r"(?=\w)(?<!\w)(?:(?<=: )|(?<=> )|(?<=import )|(?<=new )|(?<=extends )|\d{0,99}+(?=[^\W\d]\w{2,99}+[(\[<)]))([^\W\d]\w{2,99}+)",
    longest=200_000,  # characters of a chunk
)
ASIDE = linear(
    r"(^|/)((tests?|docs?|examples?|benchmarks?|scripts?|vendor|migrations)(_[\pL\pN_]+)?/|test_|conftest)|\.md$"
)
KINDS = frozenset({"class", "function"})


class KeySymbols:
    """Finds the key symbols of repositories and caches them until a repository is indexed again."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._found: Memo[tuple[str, str], list[str]] = Memo(REPOSITORIES)

    def of(self, repository: Repository) -> list[str]:
        """Return up to SYMBOLS names, most used first, estimated from a sample of FILES files."""
        return self._found.get((repository.name, repository.indexed_at), self._find)

    def _find(self, version: tuple[str, str]) -> list[str]:
        repo, _ = version
        sample = _spaced(sorted(self._store.files(repo)), FILES)
        return rank_symbols(self._store.chunks(repo, path) for path in sample)


def _spaced(paths: Sequence[str], count: int) -> Iterable[str]:
    """Return up to `count` evenly spaced paths that are not tests or documents."""
    chosen = [path for path in paths if not ASIDE.search(path)] or paths
    return chosen[:: -(-len(chosen) // count) or 1]


def rank_symbols(files: Iterable[Sequence[Chunk]]) -> list[str]:
    """Return the public top-level symbols of these files, ordered by the number of files that use them."""
    mentions: Counter[str] = Counter()
    defined: Counter[str] = Counter()
    for chunks in files:
        mentions.update({use[1] for chunk in chunks for use in USE.finditer(chunk.text)})
        defined.update(set(_symbols(chunks)))
    own = [
        name for name in defined if defined[name] == 1
    ]  # a name that many files define (main, Config) is not distinctive
    return sorted(own, key=lambda name: (-mentions[name], name))[:SYMBOLS]


def _symbols(chunks: Iterable[Chunk]) -> Iterator[str]:
    for chunk in chunks:
        if chunk.kind in KINDS and IDENTIFIER.fullmatch(chunk.symbol) and not chunk.symbol.startswith("_"):
            yield chunk.symbol
