"""Index repositories as `codeintel index` does, and query them."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.retrieval.plain import PlainBM25
from benchmarks.retrieval.questions import Ask
from ml.evaluation.retrieval import DEPTH, Place, ndcg
from ml.index.build import build_index
from ml.index.embedder.base import Embedder
from ml.index.sources import Skipped, open_source, read
from ml.index.store import open_store
from ml.index.store.base import Store
from ml.settings import Settings
from rag_service.retrieve import Hit, Retriever
from rag_service.retrieve.rules import RULES


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with a method's score and seconds."""

    repo: str
    language: str
    ask: Ask
    score: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Corpus:
    """An indexed repository, and the same files in the plain peer."""

    name: str
    language: str
    store: Store
    embedder: Embedder
    plain: PlainBM25

    def retriever(self, without: str | None = None) -> Retriever:
        """Return the retriever over this repository, without the named rule if any."""
        return Retriever(self.store, self.embedder, rules=[rule for rule in RULES if rule.name != without])


@contextmanager
def index(name: str, language: str, folder: Path, embedder: Embedder) -> Iterator[Corpus]:
    """Index a folder into a temporary store."""
    settings = Settings()
    with TemporaryDirectory(prefix="codeintel-benchmark-") as location:
        store = open_store(location, embedder.name, embedder.dimension)
        build_index(
            str(folder), store, embedder, name=name, max_file_bytes=settings.max_file_bytes, workers=settings.workers
        )
        yield Corpus(name, language, store, embedder, PlainBM25(texts(folder, settings.max_file_bytes)))
        store.close()


def texts(folder: Path, max_bytes: int) -> Iterator[tuple[str, str]]:
    """Yield path and text of the indexed files."""
    with open_source(str(folder)) as source:
        for found in source.walk():
            text = found if isinstance(found, Skipped) else read(found, max_bytes)
            if not isinstance(text, Skipped):
                yield text.path, text.text


def places(hits: Sequence[Hit]) -> list[Place]:
    """Return the locations of the hits."""
    return [Place(hit.chunk.file_path, hit.chunk.line_start, hit.chunk.line_end) for hit in hits]


def ask_all(corpus: Corpus, asks: Sequence[Ask], *, without: str | None = None) -> list[Answered]:
    """Put every question to our retriever; `without` names a rule to leave out, or "spread"."""
    retriever = corpus.retriever(without)
    spread = without != "spread"
    return [
        _ask(corpus, ask, lambda query: places(retriever.search(query, limit=DEPTH, spread=spread))) for ask in asks
    ]


def ask_plain(corpus: Corpus, asks: Sequence[Ask]) -> list[Answered]:
    """Put every question to the plain peer."""
    return [_ask(corpus, ask, corpus.plain.search) for ask in asks]


def _ask(corpus: Corpus, ask: Ask, search: Callable[[str], list[Place]]) -> Answered:
    start = time.perf_counter()
    found = search(ask.query)
    return Answered(corpus.name, corpus.language, ask, ndcg(found, ask.targets), time.perf_counter() - start)
