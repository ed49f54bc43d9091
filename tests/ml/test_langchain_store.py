"""LangChain's Qdrant integration and our store read one collection: the same vectors, the same payload."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from qdrant_client import QdrantClient

from ml.index.build import build_index
from ml.index.embedder.static import load_static
from ml.index.langchain import chunk_of, document, vector_store
from ml.index.sparse import query
from ml.index.store.base import EncodedQuery, Where
from ml.index.store.server.server import ServerStore
from ml.pipelines.indexing import split_into_shards
from tests.support.shop import FILES, write_shop

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")
QUESTIONS = ("where is an order charged", "how long does it wait before another attempt", "the payment gateway failed")


@pytest.fixture
def store() -> ServerStore:
    return server()


class OneAtATime(QdrantClient):
    """The in-memory client, which is not thread-safe, behind a lock: like a server it applies one change at a time."""

    def __init__(self) -> None:
        super().__init__(":memory:")
        self._turn = threading.RLock()

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name.startswith("_") or not callable(found):
            return found

        def in_turn(*args: Any, **named: Any) -> Any:
            with self._turn:
                return found(*args, **named)

        return in_turn


def server() -> ServerStore:
    embedder = load_static()
    return ServerStore(OneAtATime(), "test", embedder.name, embedder.dimension)


def index(store: ServerStore, root: Path) -> None:
    build_index(str(root), store, load_static(), name=root.name, max_file_bytes=100_000, workers=1)


def test_both_find_the_same_chunks(store: ServerStore, tmp_path: Path) -> None:
    write_shop(tmp_path)
    index(store, tmp_path)
    embedder = load_static()
    theirs = vector_store(store, embedder)
    for question in QUESTIONS:
        found = theirs.similarity_search_with_score(question, k=5)
        ours = sorted(store.query(_encoded(question), Where(), 50), key=lambda one: -one.dense)
        assert [chunk_of(one).content_hash for one, _ in found] == [one.chunk.content_hash for one in ours[:5]]
        assert [score for _, score in found] == pytest.approx([one.dense for one in ours[:5]], abs=2e-3)
        assert found[0][0].metadata.keys() == {
            "repo", "revision", "file_path", "line_start", "line_end", "language", "symbol", "kind", "content_hash"
        }  # fmt: skip


def _encoded(question: str) -> EncodedQuery:
    sparse = query(question)
    return EncodedQuery(load_static().query(question), sparse, sparse)


def test_a_chunk_round_trips_through_a_document(store: ServerStore, tmp_path: Path) -> None:
    write_shop(tmp_path)
    index(store, tmp_path)
    for path in FILES:
        for chunk in store.chunks(tmp_path.name, path):
            assert chunk_of(document(chunk)) == chunk


def test_parallel_and_sequential_shards_give_the_same_collection(tmp_path: Path) -> None:
    roots = [tmp_path / f"shop-{number}" for number in range(6)]
    for root in roots:
        root.mkdir()
        write_shop(root)
        (root / "own.py").write_text(f"def only_in_{root.name.replace('-', '_')}():\n    return 1\n")
    shards = split_into_shards([str(root) for root in roots], 3)
    assert sorted(root for shard in shards for root in shard) == sorted(map(str, roots))
    one_by_one, parallel = server(), server()
    for shard in shards:
        index_shard(one_by_one, shard)
    with ThreadPoolExecutor(len(shards)) as pool:
        list(pool.map(lambda shard: index_shard(writer(parallel), shard), shards))
    assert points(parallel) == points(one_by_one)
    assert [found.name for found in parallel.repositories()] == [root.name for root in roots]


def writer(store: ServerStore) -> ServerStore:
    """Another process's view of the same server."""
    return ServerStore(store.client, store.place, store.embedder, store.dimension)


def index_shard(store: ServerStore, shard: list[str]) -> None:
    for root in shard:
        index(store, Path(root))


def points(store: ServerStore) -> list[tuple[str, str, str]]:
    return sorted((payload["repo"], payload["file_path"], payload["text"]) for payload in store.pages(store.code, None))
