"""Embeddings of OpenAI's API: the vectors that the index itself is made of."""

import base64
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ml.errors import ParameterError, SourceError
from ml.index.embedder import Embedder, Vectors
from rag_service.http.limits.security import bearer
from rag_service.http.routes.asking import MAX_NAME, MODEL
from rag_service.http.routes.chat import ERRORS
from rag_service.http.routes.dependencies import Askers, Lanes, Served
from rag_service.http.routes.parameters import EMBEDDINGS, check
from rag_service.http.routes.replies import tokens

MOST_INPUTS = 2_048
FLOATS = "<f4"  # OpenAI's base64 is of little-endian floats

router = APIRouter(prefix="/v1", tags=["OpenAI"], dependencies=[Depends(bearer)], responses=ERRORS)

Given = Annotated[str, StringConstraints(min_length=1)]
Tokens = list[int]


class EmbeddingRequest(BaseModel):
    """A request in OpenAI's form. `input_type` "query" embeds a question, with the prefix that its model expects."""

    model_config = ConfigDict(extra="allow")

    model: str = Field(MODEL, max_length=MAX_NAME, description='"codeintel", or the name of the embedder')
    input: Given | list[Given] | Tokens | list[Tokens]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = None
    input_type: Literal["query", "document"] = "document"

    def texts(self) -> list[str]:
        """Return the texts to embed. Raise ParameterError for anything else."""
        texts = [self.input] if isinstance(self.input, str) else self.input
        if not texts or len(texts) > MOST_INPUTS:
            raise ParameterError("input", f"input has {len(texts):,} texts", f"send 1 to {MOST_INPUTS:,} at once")
        found = [text for text in texts if isinstance(text, str)]
        if len(found) < len(texts):
            raise ParameterError(
                "input",
                "input holds numbers of tokens, and this model has no tokens of OpenAI's",
                "send text; in LangChain: OpenAIEmbeddings(check_embedding_ctx_length=False)",
            )
        return found


@router.post("/embeddings")
async def embeddings(body: EmbeddingRequest, service: Served, executor: Lanes, asker: Askers) -> dict[str, Any]:
    """Embed texts as the index does. Vectors have length 1, so that their dot product is their similarity."""
    check(body.model_extra or {}, EMBEDDINGS)
    texts = body.texts()

    def embedded() -> tuple[str, list[Any]]:
        embedder = _embedder(body, service.assistant.retriever.embedder)
        return embedder.name, _encoded(_vectors(embedder, texts, body.input_type), body.encoding_format)

    name, vectors = await executor.run(embedded, asker)
    used = sum(tokens(len(text)) for text in texts)
    data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    return {"object": "list", "model": name, "data": data, "usage": {"prompt_tokens": used, "total_tokens": used}}


def _embedder(body: EmbeddingRequest, embedder: Embedder) -> Embedder:
    if body.model not in (MODEL, embedder.name):
        raise SourceError(f"there is no embedder {body.model!r}", f"use {embedder.name!r} or {MODEL!r}")
    if body.dimensions not in (None, embedder.dimension):
        raise ParameterError(
            "dimensions",
            f"the vectors of {embedder.name} have {embedder.dimension} dimensions, and shorter ones would mean nothing",
            f"leave it out or send {embedder.dimension}",
        )
    return embedder


def _vectors(embedder: Embedder, texts: list[str], input_type: str) -> list[Vectors]:
    return list(map(embedder.query, texts)) if input_type == "query" else list(embedder.documents(texts))


def _encoded(vectors: list[Vectors], encoding: str) -> list[Any]:
    if encoding == "base64":
        return [base64.b64encode(vector.astype(FLOATS).tobytes()).decode() for vector in vectors]
    return [vector.tolist() for vector in vectors]
