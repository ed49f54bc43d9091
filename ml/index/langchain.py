"""LangChain integration: chunks as documents, and a collection on a Qdrant server as a vector store."""

from typing import TYPE_CHECKING, Any

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_qdrant import QdrantVectorStore

from ml.index.chunk import Chunk
from ml.index.store.points import DENSE
from ml.index.store.server.server import ServerStore

if TYPE_CHECKING:
    from ml.index.embedder.base import Embedder

TEXT = "text"


def document(chunk: Chunk) -> Document:
    """Convert a chunk to a document: its text, and the rest of the payload as metadata."""
    payload = chunk.payload()
    return Document(page_content=str(payload.pop(TEXT)), metadata=payload)


def chunk_of(found: Document) -> Chunk:
    """Convert a document back to its chunk."""
    return Chunk.from_payload(found.metadata | {TEXT: found.page_content})


class EmbedderForLangChain(Embeddings):
    """Adapter from our embedder to LangChain's interface."""

    def __init__(self, embedder: "Embedder") -> None:
        self._embedder = embedder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Embed texts as chunks."""
        rows: list[list[float]] = self._embedder.documents(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        """Embed a question."""
        row: list[float] = self._embedder.query(text).tolist()
        return row


class CodeVectorStore(QdrantVectorStore):  # type: ignore[misc]  # untyped: it may not be installed
    """LangChain's Qdrant integration for our flat payload: every field but the text is metadata."""

    @classmethod
    def _document_from_point(
        cls, scored_point: Any, collection_name: str, content_payload_key: str, metadata_payload_key: str
    ) -> Document:
        return document(Chunk.from_payload(scored_point.payload))


def vector_store(store: ServerStore, embedder: "Embedder") -> CodeVectorStore:
    """Return a read-only vector store over the collection of our store."""
    return CodeVectorStore(
        client=store.client,
        collection_name=store.code,
        embedding=EmbedderForLangChain(embedder),
        vector_name=DENSE,
        content_payload_key=TEXT,
        validate_embeddings=False,
        validate_collection_config=False,
    )
