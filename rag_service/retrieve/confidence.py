"""How well the retrieved code supports an answer.

One of the best hits has to contain most of the question's terms (in its path, symbol or text, in any form of the word,
as asked or in any translation), helped by the cosine; an indexed symbol or file that the question names settles it. If
something is not in the index, the question's distinctive words are missing, which the cosine alone does not show.
"""

from collections.abc import Sequence

from ml.index.store.base import Candidate
from rag_service.retrieve.glossary import Term
from rag_service.retrieve.question import Question, name_parts, stems_of
from rag_service.retrieve.rules import path_is_named, symbol_is_named

BEST = 5
MEANING = 0.5
NAMED = 0.8
# Chosen on the "dev" questions of benchmarks/retrieval (one false answer in 20, one refusal in 30).
THRESHOLD = 0.46


def confidence(question: Question, found: Sequence[Candidate]) -> float:
    """Return 0..1 for a question and its best candidates, best first; below THRESHOLD a question should be refused."""
    best = found[:BEST]
    if not best or not question.terms:
        return 0.0
    if any(symbol_is_named(question, each.chunk) or path_is_named(question, each.chunk) for each in best):
        return NAMED + (1 - NAMED) * coverage(question.terms, best)
    meaning = max(each.dense for each in best)
    return max(0.0, coverage(question.terms, best) + MEANING * meaning) / (1 + MEANING)


def coverage(terms: Sequence[Term], found: Sequence[Candidate]) -> float:
    """Return the largest share of the terms that a single candidate contains."""
    return max(sum(_holds(parts, term) for term in terms) for parts in map(_parts, found)) / len(terms)


def _parts(found: Candidate) -> frozenset[str]:
    chunk = found.chunk
    return frozenset().union(*map(stems_of, (chunk.file_path, chunk.symbol, *chunk.text.split("\n"))))


def _holds(parts: frozenset[str], term: Term) -> bool:
    return any(parts.issuperset(name_parts(word)) for word in term.spellings)
