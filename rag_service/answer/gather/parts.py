"""The parts of a question that are searched for on their own."""

from collections.abc import Callable

from ml.patterns import linear
from rag_service.retrieve.filler import telling
from rag_service.retrieve.question import Question

MOST_PARTS = 2
TELLING_WORDS = 2
# What separates "X and what happens when Y", the two ends of a relation, and a thing from what it is compared with.
BETWEEN = linear(
    r"(?i)[?;]|,?\s+(?:and|or)\s+(?:what|where|how|why|who|when)\b|\bbetween\b"
    r"|\b(?:interacts?|relates?|integrates?)\s+with\b|\binstead of\b|,\s"
    r"|\s(?:и|а|или)\s+(?:что|где|как|почему|зачем|кто|когда)\s|\sмежду\s|\sвместо\s"
)


def question_parts(text: str, understand: Callable[[str], Question]) -> list[Question]:
    """Return the parts of a question that say enough to be searched for on their own; none if there is only one."""
    parts = [understand(part) for part in BETWEEN.split(text) if part.strip()]
    enough = [part for part in parts if len(telling(part.terms)) >= TELLING_WORDS]
    return enough[:MOST_PARTS] if len(enough) > 1 else []
