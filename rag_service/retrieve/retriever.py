"""From a question to ranked chunks: understand -> encode -> candidates -> rules -> spread."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ml.index import sparse
from ml.index.asides import asides
from ml.index.chunk import Chunk
from ml.index.embedder.base import Embedder
from ml.index.snowball import CYRILLIC, fold
from ml.index.store.base import Candidate, EncodedQuery, SparseVector, Store, Where
from rag_service.retrieve.confidence import confidence
from rag_service.retrieve.filtering import check_names, explain_nothing
from rag_service.retrieve.glossary import load_glossary
from rag_service.retrieve.question import Question, normalize_name, understand
from rag_service.retrieve.rules import RULES, Best, Rule, symbol_is_named

if TYPE_CHECKING:
    from ml.settings import Settings

CANDIDATES = 50
DEFINITIONS = 100
LONGEST = 20_000  # characters of a query; text beyond them adds nothing to its meaning
# Half as many find files equally well (±0.0005 NDCG@10) but lines less well (−0.02).
FURTHER_HIT = 0.6
# Below this cosine (of the embedded table; those of other embedders are higher) a chunk without any word of the question is
# unrelated: for made-up words the best of 4,000 chunks reach 0.2 to 0.3, for "throttling" the rate limiter has 0.41.
NOISE = 0.35


@dataclass(frozen=True, slots=True)
class Hit:
    """A retrieved chunk, its score (comparable only within one search) and the scores of each vector."""

    chunk: Chunk
    score: float
    found: Candidate


class Retriever:
    """Finds the chunks that best match a question."""

    def __init__(
        self, store: Store, embedder: Embedder, glossary: str | None = None, rules: Sequence[Rule] = RULES
    ) -> None:
        self.store = store
        self.embedder = embedder
        self._glossary = glossary
        self._rules = rules

    def search(
        self, question: str | Question, *, where: Where | None = None, limit: int = 10, spread: bool = True
    ) -> list[Hit]:
        """Return the best chunks, best first; ties in the order of repository, path and line.

        `spread` multiplies the score of each further hit in a file by FURTHER_HIT. Return nothing for a name that is
        nowhere and means nothing. Raise QuestionError for a filter that matches nothing.
        """
        asked, where = self._parse(question), where or Where()
        check_names(where, self.store)
        candidates = self.store.query(self._encode(asked), where, max(CANDIDATES, limit))
        if not candidates:
            explain_nothing(where, self.store)
        if asked.is_name and _is_noise(candidates):
            return []
        ranked = self._rank(asked, candidates)
        return (_spread(ranked) if spread else ranked)[:limit]

    def mentions(self, word: str, *, where: Where, limit: int) -> list[Chunk]:
        """Return the chunks that contain a word (or the parts of a name), ranked by BM25 alone; best first."""
        import numpy as np

        meaningless = np.zeros(self.embedder.dimension, np.float32)
        asked = EncodedQuery(meaningless, text=sparse.query(word), names=SparseVector([], []))
        found = self.store.query(asked, where, limit)
        return [candidate.chunk for candidate in sorted(found, key=lambda candidate: -candidate.text)]

    def definitions(self, names: Sequence[str], *, where: Where) -> list[Chunk]:
        """Return the chunks that begin symbols of these names, code before tests; in the order of the names.

        A name is the last part of a symbol, in any case and with or without underscores.
        """
        import numpy as np

        meaningless = np.zeros(self.embedder.dimension, np.float32)
        asked = EncodedQuery(meaningless, text=SparseVector([], []), names=sparse.query(" ".join(names)))
        wanted = {normalize_name(name): at for at, name in reversed(list(enumerate(names)))}
        first: dict[tuple[str, str, str], Chunk] = {}
        for found in self.store.query(asked, where, DEFINITIONS):
            chunk = found.chunk
            if chunk.symbol and chunk.kind != "section" and normalize_name(chunk.symbol) in wanted:
                first.setdefault((chunk.repo, chunk.file_path, chunk.symbol), chunk)
        return sorted(
            first.values(), key=lambda chunk: (wanted[normalize_name(chunk.symbol)], bool(asides(chunk.file_path)))
        )

    def understand(self, question: str) -> Question:
        """Parse the first LONGEST characters of a question with this retriever's glossary, ignoring lone surrogates."""
        question = question[:LONGEST].encode("utf-8", "replace").decode("utf-8")
        needed = self._glossary is not None or CYRILLIC.search(fold(question))
        return understand(question, load_glossary(self._glossary) if needed else None)

    def confidence(self, question: str | Question, hits: Sequence[Hit]) -> float:
        """Return how well the hits cover the question, 0..1; see `rag_service.retrieve.confidence`."""
        return confidence(self._parse(question), [hit.found for hit in hits])

    def similarity(self, text: str, code: str) -> float:
        """Return how near in meaning a text in any language is to code, between -1 and 1. Raise EmbedderError."""
        return float(self.embedder.query(self.understand(text).english) @ self.embedder.documents([code])[0])

    def _parse(self, question: str | Question) -> Question:
        return question if isinstance(question, Question) else self.understand(question)

    def _encode(self, question: Question) -> EncodedQuery:
        vector = sparse_query(question)
        return EncodedQuery(dense=self.embedder.query(question.english), text=vector, names=vector)

    def _rank(self, question: Question, candidates: Iterable[Candidate]) -> list[Hit]:
        candidates = list(candidates)
        best = Best.of(candidates)
        hits = [Hit(found.chunk, self._score(question, found, best), found) for found in candidates]
        return sorted(_beginnings_first(question, hits), key=_order)

    def _score(self, question: Question, candidate: Candidate, best: Best) -> float:
        return sum(rule.weight * rule.value(question, candidate, best) for rule in self._rules)


def _is_noise(candidates: Iterable[Candidate]) -> bool:
    """Return whether no candidate has a word of the question, and none is near to its meaning."""
    return all(not each.text and not each.names and each.dense < NOISE for each in candidates)


def open_retriever(settings: "Settings") -> Retriever:
    """Open the configured index and embedder."""
    from ml.index import open_index

    store, embedder = open_index(settings)
    return Retriever(store, embedder, settings.glossary)


def sparse_query(question: Question) -> SparseVector:
    """Return the question's words as a sparse vector: a term's best word with weight 1, its i-th best with 1/i.

    So a term with many translations does not drown the others. Russian words are kept, for comments in Russian.
    """
    weights: defaultdict[int, float] = defaultdict(float)
    for term in question.terms:
        words = [(word, 1 / number) for number, word in enumerate(term.words, start=1)]
        own = [(word, 1.0) for word in term.spellings[len(term.words) :]]
        for word, weight in words + own:
            vector = sparse.query(word)
            for index, value in zip(vector.indices, vector.values, strict=True):
                weights[index] += value * weight
    return SparseVector(list(weights), list(weights.values()))


def _beginnings_first(question: Question, hits: Iterable[Hit]) -> Iterator[Hit]:
    """Give the first chunk of a named symbol the best score among the chunks of that symbol."""
    pieces: defaultdict[tuple[str, str, str], list[Hit]] = defaultdict(list)
    for hit in hits:
        if symbol_is_named(question, hit.chunk):
            pieces[hit.chunk.repo, hit.chunk.file_path, hit.chunk.symbol].append(hit)
        else:
            yield hit
    for group in pieces.values():
        scores = sorted((hit.score for hit in group), reverse=True)
        group.sort(key=lambda hit: hit.chunk.line_start)
        yield from (Hit(hit.chunk, score, hit.found) for hit, score in zip(group, scores, strict=True))


def _order(hit: Hit) -> tuple[float, str, str, int]:
    return -hit.score, hit.chunk.repo, hit.chunk.file_path, hit.chunk.line_start


def _spread(hits: list[Hit]) -> list[Hit]:
    """Lower the score of each further hit in a file and sort again."""
    seen: Counter[tuple[str, str]] = Counter()
    spread = []
    for hit in hits:
        file = (hit.chunk.repo, hit.chunk.file_path)
        spread.append(Hit(hit.chunk, hit.score * FURTHER_HIT ** seen[file], hit.found))
        seen[file] += 1
    return sorted(spread, key=_order)
