"""From a question to ranked chunks: encode -> candidates -> rules."""

from rag_service.retrieve.confidence import THRESHOLD
from rag_service.retrieve.retriever import Hit, Retriever, open_retriever

__all__ = ["THRESHOLD", "Hit", "Retriever", "open_retriever"]
