"""What a reader is told when the LLM fails."""

from ml.errors import ModelError
from ml.llm.model import Llm
from rag_service.answer.composed.phrases import say
from rag_service.answer.run import Run


def describe_failure(run: Run, llm: Llm, error: ModelError) -> str:
    """Return the notice that the LLM is unavailable, with the cause and its cure."""
    return say(run.asked.language, "away", place=llm.place, cause=error.cause)
