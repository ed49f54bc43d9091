"""The candidates of a query, found the same way in both backends: the union of three result lists, with all scores."""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Protocol, Union

from ml.index.chunk import Chunk
from ml.index.store.base import Candidate, EncodedQuery, SparseVector
from ml.index.store.points import DENSE, NAMES, TEXT

if TYPE_CHECKING:
    from ml.index.embedder.base import Vectors

# How many extra results are fetched to detect ties at the last place; ties are followed up to MOST_TIES.
MARGIN = 8
GROWTH = 4
MOST_TIES = 4_096
SAME_SCORE_DIGITS = 5

Query = Union["Vectors", SparseVector]
Ranked = list[tuple[str, float]]


class Engine(Protocol):
    """The queries that a backend must support; its filter is already bound."""

    def search(
        self, queries: Mapping[str, Query], limit: int, ids: Mapping[str, Collection[str]] | None = None
    ) -> dict[str, Ranked]:
        """Return the best ids with their scores for each vector's name, by exact search; `ids` restricts each search further."""
        ...

    def chunks(self, ids: Collection[str]) -> Mapping[str, Chunk]:
        """Return chunks by the ids of their points."""
        ...


def find_candidates(engine: Engine, query: EncodedQuery, limit: int, admits: Callable[[str], bool]) -> list[Candidate]:
    """Return the union of the `limit` best by each vector, sorted by repository, path and line.

    Only points that `admits` accepts count. Ties at the last place are broken by id, so that the same index always yields
    the same candidates.
    """
    queries = _queries(query)
    lists = engine.search(queries, limit + MARGIN) if queries and limit > 0 else {}
    ids: set[str] = set()
    for name, ranked in lists.items():
        ids.update(_best(engine, {name: queries[name]}, ranked, limit, admits))
    if not ids:
        return []
    scores = _scores(engine, queries, lists, limit + MARGIN, ids)
    found = [
        Candidate(chunk, *(float(scores.get(name, {}).get(point, 0.0)) for name in (DENSE, TEXT, NAMES)))
        for point, chunk in engine.chunks(ids).items()
    ]
    return sorted(found, key=lambda candidate: _place(candidate.chunk))


def _scores(
    engine: Engine, queries: Mapping[str, Query], lists: Mapping[str, Ranked], fetched: int, ids: set[str]
) -> dict[str, dict[str, float]]:
    """Return the scores by each vector; search again for ids that a truncated list of `fetched` points may lack."""
    scores = {name: dict(ranked) for name, ranked in lists.items()}
    missing = {name: ids - scores[name].keys() for name, ranked in lists.items() if len(ranked) == fetched}
    missing = {name: points for name, points in missing.items() if points}
    further = engine.search({name: queries[name] for name in missing}, len(ids), missing) if missing else {}
    for name, ranked in further.items():
        scores[name].update(ranked)
    return scores


def _place(chunk: Chunk) -> tuple[str, str, int]:
    return chunk.repo, chunk.file_path, chunk.line_start


def _queries(query: EncodedQuery) -> dict[str, Query]:
    queries: dict[str, Query] = {DENSE: query.dense} if query.dense.any() else {}
    return queries | {name: vector for name, vector in ((TEXT, query.text), (NAMES, query.names)) if vector.indices}


def _best(
    engine: Engine, query: dict[str, Query], ranked: Ranked, limit: int, admits: Callable[[str], bool]
) -> list[str]:
    """Return the best ids by one vector; fetch more until the ties at the last place are complete."""
    fetched = limit + MARGIN
    while True:
        kept = sorted(((-round(score, SAME_SCORE_DIGITS), point) for point, score in ranked if admits(point)))[:limit]
        worst = -round(ranked[-1][1], SAME_SCORE_DIGITS) if ranked else 0.0
        is_settled = len(kept) == limit and (kept[-1][0] < worst or fetched > MOST_TIES)
        if is_settled or len(ranked) < fetched:
            return [point for _, point in kept]
        fetched *= GROWTH
        [ranked] = engine.search(query, fetched).values()
