"""Words that describe code without having to stand in it: "the method that …", "the design pattern", "as part of CI".

They count neither for nor against the evidence; the search for it does use them.
"""

from ml.index.snowball import snowball
from rag_service.retrieve.glossary import Term

WORDS = (
    # what a piece of code is
    "method methods function functions class classes module modules file files component components mechanism pattern "
    "implementation implement implemented logic code codebase repository project framework library system process "
    "procedure infrastructure pipeline workflow architecture architectural design designed approach strategy structure "
    "instance instances object objects member members variable program application "
    # what is asked about it
    "role relationship relation purpose significance contract effect effects impact influence implication implications "
    "consequence consequences behavior behaviour responsibility interaction interact dependency dependencies decision "
    "reason flow chain point place location semantic semantics specific specifically exactly precise explicit implicit "
    # what it does or what happens to it, in general words
    "ensure ensures provide provides determine determines determined affect affects cause causes caused occur occurs "
    "maintain maintaining handle handles use uses used using based perform performs performed serve serves exist exists "
    "current currently existing different multiple several many separate same various during within through between "
    "without instead rather than across while whether versus "
    # wishes about it
    "refactored redesigned redesign refactor improved performance overhead scale scaling large thousands times "
    "backward compatibility case cases"
).split()
STEMS = frozenset(map(snowball, WORDS))


def is_telling(term: Term) -> bool:
    """Return whether code about a term has to contain it, in one of its translations."""
    return not any(snowball(word) in STEMS for word in (term.source, *term.words[:1]))


def telling(terms: tuple[Term, ...]) -> tuple[Term, ...]:
    """Return the terms that code has to contain; all of them if none has to."""
    return tuple(filter(is_telling, terms)) or terms
