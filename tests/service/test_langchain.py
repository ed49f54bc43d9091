"""LangChain's users: our retriever over a service and over the index, and LangChain's own Qdrant integration."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.documents import Document
from langchain_core.runnables import RunnableLambda
from langchain_openai import OpenAIEmbeddings
from langchain_qdrant import QdrantVectorStore
from pydantic import SecretStr
from qdrant_client import QdrantClient
from qdrant_client.models import Distance

from ml.errors import ServeError
from ml.index.build import build_index
from ml.index.embedder.static import load_static
from ml.index.langchain import vector_store
from ml.index.store.points import DENSE
from ml.index.store.server.server import ServerStore
from ml.settings import Settings
from rag_service.langchain import CodeintelRetriever
from tests.support.service import serving
from tests.support.shop import write_shop

QUESTION = "Where is the number of attempts to charge an order set?"
KEYS = {"repo", "file_path", "line_start", "line_end", "language", "symbol", "score"}


@pytest.fixture(scope="module")
def url(indexed: Settings) -> Iterator[str]:
    with serving(indexed) as address:
        yield address


@pytest.fixture(params=["service", "index"])
def retriever(request: pytest.FixtureRequest, indexed: Settings, url: str) -> CodeintelRetriever:
    if request.param == "service":
        return CodeintelRetriever.of_service(url)
    return CodeintelRetriever.of_index(indexed)


def test_a_document_is_a_chunk_with_its_place(retriever: CodeintelRetriever) -> None:
    found = retriever.invoke(QUESTION)
    best = found[0]
    assert best.metadata.keys() == KEYS
    assert best.metadata["repo"] == "shop"
    assert best.metadata["file_path"] == "shop/billing/charge.py"
    assert best.metadata["language"] == "python"
    lines = best.page_content.count("\n") + 1
    assert best.metadata["line_end"] - best.metadata["line_start"] + 1 == lines
    assert "max_retries = 5" in best.page_content


def test_both_ways_find_the_same(indexed: Settings, url: str) -> None:
    assert CodeintelRetriever.of_service(url).invoke(QUESTION) == CodeintelRetriever.of_index(indexed).invoke(QUESTION)


def test_it_is_narrowed(indexed: Settings, url: str) -> None:
    narrow: dict[str, Any] = {"repos": ["shop"], "paths": ["web/**"], "languages": ["typescript"], "limit": 1}
    for found in (CodeintelRetriever.of_service(url, **narrow), CodeintelRetriever.of_index(indexed, **narrow)):
        assert [one.metadata["file_path"] for one in found.invoke("add an item")] == ["web/cart.ts"]


def test_it_works_in_a_chain_and_in_async_code(retriever: CodeintelRetriever) -> None:
    def places(documents: list[Document]) -> list[str]:
        return [f"{one.metadata['file_path']}:{one.metadata['line_start']}" for one in documents]

    chain = retriever | RunnableLambda(places)
    assert chain.invoke(QUESTION)[0].startswith("shop/billing/charge.py:")
    assert asyncio.run(chain.ainvoke(QUESTION)) == chain.invoke(QUESTION)


def test_what_can_go_wrong_with_a_service(indexed: Settings, url: str) -> None:
    with pytest.raises(ServeError, match=r"no answer from .+: start `codeintel serve`"):
        CodeintelRetriever.of_service("http://127.0.0.1:9").invoke(QUESTION)
    with pytest.raises(ServeError, match="more than 4,000: ask about one thing"):
        CodeintelRetriever.of_service(url).invoke("why " * 2_000)
    with pytest.raises(ServeError, match="answers 404: name the address of `codeintel serve`"):
        CodeintelRetriever.of_service(f"{url}/v1").invoke(QUESTION)
    with serving(indexed.model_copy(update={"api_key": SecretStr("sesame")})) as closed:
        with pytest.raises(ServeError, match="key"):
            CodeintelRetriever.of_service(closed).invoke(QUESTION)
        assert CodeintelRetriever.of_service(closed, "sesame").invoke(QUESTION)


@pytest.fixture
def collection(tmp_path: Path) -> ServerStore:
    embedder = load_static()
    store = ServerStore(QdrantClient(":memory:"), "test", embedder.name, embedder.dimension)
    write_shop(tmp_path)
    build_index(str(tmp_path), store, embedder, name="shop", max_file_bytes=100_000, workers=1)
    return store


@pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
def test_langchains_own_store_opens_the_collection(collection: ServerStore, url: str) -> None:
    """Without any of our code: the service embeds the question, and the collection is read as it is."""
    named: dict[str, Any] = {"base_url": f"{url}/v1", "api_key": "any", "check_embedding_ctx_length": False}
    theirs = QdrantVectorStore(
        client=collection.client,
        collection_name=collection.code,
        embedding=OpenAIEmbeddings(model="codeintel", **named),
        vector_name=DENSE,
        distance=Distance.DOT,
        content_payload_key="text",
    )
    ours = vector_store(collection, load_static())
    for question in (QUESTION, "the payment gateway failed"):
        found = theirs.similarity_search(question, k=3)
        expected = ours.similarity_search(question, k=3)
        assert [one.page_content for one in found] == [one.page_content for one in expected]
    assert expected[0].metadata["file_path"] == "shop/billing/gateway.py"
