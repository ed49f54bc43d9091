"""The baseline of retrieval: BM25 over windows of 40 lines, plain tokens, no ranking rules."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from math import log

from ml.evaluation.retrieval import DEPTH, Place

LINES = 40
K1, B = 1.5, 0.75
TOKEN = re.compile(r"\w+")


class PlainBM25:
    """Okapi BM25 as Lucene computes it (Robertson & Zaragoza 2009; IDF with + 1 inside the logarithm)."""

    def __init__(self, files: Iterable[tuple[str, str]]) -> None:
        self._places: list[Place] = []
        self._lengths: list[int] = []
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for path, text in files:
            self._add(path, text.split("\n"))
        self._average = sum(self._lengths) / max(len(self._lengths), 1)

    def search(self, query: str) -> list[Place]:
        """Return the ten best windows."""
        scores: defaultdict[int, float] = defaultdict(float)
        for token in TOKEN.findall(query.lower()):
            postings = self._postings.get(token, [])
            idf = log(1 + (len(self._places) - len(postings) + 0.5) / (len(postings) + 0.5))
            for window, count in postings:
                norm = K1 * (1 - B + B * self._lengths[window] / self._average)
                scores[window] += idf * count * (K1 + 1) / (count + norm)
        best = sorted(scores, key=lambda window: -scores[window])[:DEPTH]
        return [self._places[window] for window in best]

    def _add(self, path: str, lines: list[str]) -> None:
        for start in range(0, len(lines), LINES):
            tokens = Counter(TOKEN.findall("\n".join(lines[start : start + LINES]).lower()))
            for token, count in tokens.items():
                self._postings[token].append((len(self._places), count))
            self._places.append(Place(path, start + 1, min(start + LINES, len(lines))))
            self._lengths.append(tokens.total())
