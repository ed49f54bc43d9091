"""How well the retrieved code supports an answer.

It is judged over all of the evidence together: how many of the question's telling terms it contains (in a path, a symbol
or the text, in any form of the word, as asked or in any translation), which share of them the best few contain, and how close in
meaning the best one is. A long description counts by what the evidence has of it, a short question by what it lacks. An
indexed symbol or file that the question names settles it, and nearly so does one that only occurs there.
"""

from collections.abc import Iterable, Sequence

from ml.index.chunk import Chunk
from ml.index.snowball import CYRILLIC, fold
from ml.index.store.base import Candidate
from ml.index.tokens import identifiers
from rag_service.retrieve.filler import telling
from rag_service.retrieve.glossary import Term
from rag_service.retrieve.question import Question, name_parts, normalize_name, stems_of
from rag_service.retrieve.rules import path_is_named, symbol_is_named

EVIDENCE = 8
BEST = 3
ENOUGH_TERMS = 6  # so many terms in the evidence say as much as all terms of a short question
MEANING = 3.0
NAMED = 0.8
MENTIONED = 0.5
SHORTEST_NAME = 4  # the ending of a file's name is no name
# Code with Russian comments: the embedder knows English alone, so its cosine can't tell that their words are the question's.
OWN_WORDS = 0.6
# Chosen on the "dev" questions of benchmarks/retrieval (one false answer in 20, no refusal in 30) and on the tuning half
# of benchmarks/answers (3 of 144 refused, one of 25 about another field answered).
THRESHOLD = 0.45


def confidence(question: Question, found: Sequence[Candidate]) -> float:
    """Return 0..1 for a question and its best candidates, best first; below THRESHOLD a question should be refused."""
    terms, evidence = telling(question.terms), found[:EVIDENCE]
    if not evidence or not terms:
        return 0.0
    parts = [_parts(each) for each in evidence]
    best = held_share(terms, parts[:BEST])
    if any(symbol_is_named(question, each.chunk) or path_is_named(question, each.chunk) for each in evidence):
        return NAMED + (1 - NAMED) * best
    if any(_mentions_name(question, each.chunk) for each in evidence[:BEST]):
        return MENTIONED + (1 - MENTIONED) * best
    amount = min(1.0, held_share(terms, parts) * len(terms) / ENOUGH_TERMS)
    meaning = max(0.0, OWN_WORDS * _own_share(terms, parts), *(each.dense for each in evidence))
    return (amount + best + MEANING * meaning) / (2 + MEANING)


def _mentions_name(question: Question, chunk: Chunk) -> bool:
    """Return whether a chunk contains a name of the question that is no symbol of its own, such as a constant."""
    names = {name for name in question.symbols if len(name) >= SHORTEST_NAME and not question.is_name}
    return bool(names) and any(normalize_name(word) in names for word in identifiers(chunk.text))


def held_share(terms: Sequence[Term], parts: Iterable[frozenset[str]]) -> float:
    """Return the share of the terms that some chunks contain together, given the stems of each."""
    together = frozenset().union(*parts)
    return sum(_holds(together, term) for term in terms) / len(terms)


def _own_share(terms: Sequence[Term], parts: Iterable[frozenset[str]]) -> float:
    """Return the share of the terms that chunks contain in the question's own language, which is not English."""
    own = [term for term in terms if CYRILLIC.search(fold(term.source)) and _holds_own(parts, term)]
    return len(own) / len(terms)


def _holds_own(parts: Iterable[frozenset[str]], term: Term) -> bool:
    return any(each.issuperset(name_parts(term.source)) for each in parts)


def _parts(found: Candidate) -> frozenset[str]:
    chunk = found.chunk
    return frozenset().union(*map(stems_of, (chunk.file_path, chunk.symbol, *chunk.text.split("\n"))))


def _holds(parts: frozenset[str], term: Term) -> bool:
    return any(parts.issuperset(name_parts(word)) for word in term.spellings)
