"""Choose what an answer is about among the evidence."""

from collections.abc import Sequence

from ml.index.chunk import Chunk
from rag_service.answer.events import Source

CODE_BEFORE_DOCS = 0.7  # share of the best score from which code is the subject, even if a text about it scores higher


def choose_subject(question: str, evidence: Sequence[Source]) -> Chunk:
    """Return the best evidence, preferring code over a text with a similar score."""
    best, *others = evidence
    close = (other for other in others if other.score >= CODE_BEFORE_DOCS * best.score)
    code = next((other for other in close if other.chunk.kind != "section"), best)
    return code.chunk if best.chunk.kind == "section" else best.chunk
