"""One interface, two backends: the same calls, held to the same results and to plain arithmetic."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest

from ml.errors import EmbedderError, StoreBusyError, StoreMissingError
from ml.index.chunk import Chunk
from ml.index.store import open_store, selection
from ml.index.store.base import EncodedChunk, EncodedQuery, Repository, SparseVector, Store, Where
from ml.index.store.points import chunk_id
from tests.support.chunks import (
    DIMENSION,
    EMBEDDER,
    encode_chunk,
    encode_query,
    expected_scores,
    place,
    store_files,
    weights,
)

# The client's local mode warns of this; a server uses them.
pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")

SERVER_URL = os.environ.get("CODEINTEL_TEST_QDRANT_URL")
BACKENDS = ["embedded", "local", *(["server"] if SERVER_URL else [])]
WORDS = "route request user token parse cache retry error model vector index query socket stream".split()


@pytest.fixture(params=BACKENDS)
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Yield a function that opens the same store again and again."""
    if request.param == "embedded":
        yield lambda: open_store(str(tmp_path / "store"), EMBEDDER.name, DIMENSION)
        return
    from qdrant_client import QdrantClient

    from ml.index.store.server.server import ServerStore

    # A name of its own: a real server is shared with other test runs.
    embedder = f"{EMBEDDER.name}-{uuid4().hex[:8]}"
    client = QdrantClient(":memory:") if request.param == "local" else QdrantClient(url=SERVER_URL)
    yield lambda: ServerStore(client, "test", embedder, DIMENSION)
    store = ServerStore(client, "test", embedder, DIMENSION)
    for collection in (store.code, store.records):
        client.delete_collection(collection)
    client.close()


@pytest.fixture
def store(reopen: Callable[[], Store]) -> Store:
    return reopen()


def corpus(chunks: int = 120, repo: str = "r") -> list[EncodedChunk]:
    chance = random.Random(7)
    return [
        encode_chunk(
            f"src/{'abc'[number % 3]}/f{number // 5}.{'py' if number % 2 else 'go'}",
            number % 5 * 10 + 1,
            " ".join([*chance.choices(WORDS, k=chance.randint(3, 30)), f"word{number}"]),
            repo=repo,
            symbol=" ".join(chance.sample(WORDS, k=number % 4)),
            language="python" if number % 2 else "go",
        )
        for number in range(chunks)
    ]


def search(
    store: Store, query: EncodedQuery, where: Where | None = None, limit: int = 10
) -> list[tuple[str, str, int]]:
    candidates = store.query(query, where or Where(), limit)
    return [(one.chunk.repo, one.chunk.file_path, one.chunk.line_start) for one in candidates]


@pytest.mark.parametrize("limit", [1, 10, 1_000])
def test_query_returns_the_union_of_the_best_with_all_scores(store: Store, limit: int) -> None:
    chunks = corpus()
    store_files(store, chunks)
    query = encode_query("parse the request token", "user cache")
    expected = expected_scores(chunks, query)
    best = {
        key
        for scores in expected.values()
        for key in sorted(scores, key=lambda key: (-round(scores[key], 5), chunk_id(*key)))[:limit]
    }

    candidates = store.query(query, Where(), limit)

    assert {(one.chunk.repo, one.chunk.file_path, one.chunk.line_start) for one in candidates} == best
    for one in candidates:
        key = (one.chunk.repo, one.chunk.file_path, one.chunk.line_start)
        assert one.dense == pytest.approx(expected["dense"][key], abs=2e-3)
        assert one.text == pytest.approx(expected["text"].get(key, 0.0), abs=1e-3)
        assert one.names == pytest.approx(expected["names"].get(key, 0.0), abs=1e-3)


def test_the_payload_round_trips(store: Store) -> None:
    chunk = encode_chunk("каталог/файл ü.py", 3, 'строка = "\\u0000"\n\ttab\r', symbol="Класс.метод")
    store_files(store, [chunk])

    assert store.query(encode_query("строка"), Where(), 5)[0].chunk == chunk.chunk
    assert store.chunks("r", "каталог/файл ü.py") == [chunk.chunk]


def test_ties_at_the_last_place_are_cut_deterministically(store: Store, reopen: Callable[[], Store]) -> None:
    same = [encode_chunk(f"f{number}.py", 1, "same words here", symbol="same") for number in range(60)]
    store_files(store, same)
    first = search(store, encode_query("words", "same"), limit=7)
    store_files(store, [*same[30:], *same[:30], encode_chunk("g.py", 1, "other")])

    assert search(reopen(), encode_query("words", "same"), limit=7) == first
    assert first == sorted(first)


def test_empty_query_and_empty_vectors(store: Store) -> None:
    empty = EncodedQuery(np.zeros(DIMENSION, np.float32), SparseVector([], []), SparseVector([], []))
    silent = encode_chunk("a.py", 1, "}")
    store_files(store, [EncodedChunk(silent.chunk, np.zeros(DIMENSION, np.float32), empty.text, empty.names)])

    assert store.query(empty, Where(), 5) == []
    assert [one.dense for one in store.query(encode_query("word"), Where(), 5)] == [0.0]


def test_filters(store: Store) -> None:
    chunks = [*corpus(60), *corpus(30, repo="s")]
    store_files(store, chunks[:60])
    store_files(store, chunks[60:], repo="s")
    for where, passes in FILTERS:
        everything = search(store, encode_query("request"), where, limit=1_000)

        assert everything == sorted(place(chunk) for chunk in chunks if passes(chunk.chunk)), where


FILTERS: list[tuple[Where, Callable[[Chunk], bool]]] = [
    (Where(repos=["s"]), lambda chunk: chunk.repo == "s"),
    (Where(repos=["r", "s"]), lambda chunk: True),
    (Where(repos=[]), lambda chunk: False),
    (Where(languages=["go"]), lambda chunk: chunk.language == "go"),
    (Where(paths=["src/a/"]), lambda chunk: chunk.file_path.startswith("src/a/")),
    (Where(paths=["**/*.py", "!f2*"]), lambda chunk: chunk.file_path.endswith("py") and "/f2" not in chunk.file_path),
    (Where(paths=["!src/a"]), lambda chunk: not chunk.file_path.startswith("src/a/")),
    (Where(paths=["nowhere/"]), lambda chunk: False),
    (Where(paths=[]), lambda chunk: False),
    (
        Where(repos=["r"], paths=["*.go"], languages=["go", "c"]),
        lambda chunk: chunk.repo == "r" and chunk.language == "go",
    ),
]


def test_scores_do_not_depend_on_the_filter(store: Store) -> None:
    store_files(store, corpus())
    query = encode_query("parse request", "user")
    scores = {one.chunk.content_hash: one for one in store.query(query, Where(), 1_000)}

    for one in store.query(query, Where(paths=["src/b"]), 5):
        assert one.text == pytest.approx(scores[one.chunk.content_hash].text, abs=1e-5)


def test_a_changed_a_moved_and_a_deleted_file(store: Store, reopen: Callable[[], Store]) -> None:
    store_files(
        store, [encode_chunk("a.py", 1, "one"), encode_chunk("a.py", 9, "two"), encode_chunk("b.py", 1, "three")]
    )
    store_files(
        store, [encode_chunk("a.py", 1, "one"), encode_chunk("a.py", 5, "new"), encode_chunk("c.py", 1, "three")]
    )

    for reader in (store, reopen()):
        assert search(reader, encode_query("one"), limit=100) == [("r", "a.py", 1), ("r", "a.py", 5), ("r", "c.py", 1)]
        assert [chunk.text for chunk in reader.chunks("r", "a.py")] == ["one", "new"]
        assert reader.chunks("r", "b.py") == []
        assert reader.files("r").keys() == {"a.py", "c.py"}
    [repository] = store.repositories()
    assert (repository.files, repository.chunks) == (2, 3)


def test_the_record_of_a_repository(store: Store) -> None:
    with store.update("r", 3) as update:
        update.put("a.py", "d1", [encode_chunk("a.py", 1, "one")], {"key": 2})
        update.put(
            "b.go",
            "d2",
            [encode_chunk("b.go", 1, "x", language="go"), encode_chunk("b.go", 2, "y", language="go")],
            {"key": 1},
        )
        update.put("empty.py", "d3", [])
        done = update.commit(Repository("r", "/src", "abc", skipped={"binary": 4}))

    assert store.repositories() == [done]
    assert (done.name, done.source, done.revision, done.files, done.chunks) == ("r", "/src", "abc", 3, 3)
    assert (done.languages, done.skipped, done.redacted) == ({"python": 1, "go": 1}, {"binary": 4}, {"key": 3})
    assert done.indexed_at.startswith("20")
    assert store.files("r") == {"a.py": "d1", "b.go": "d2", "empty.py": "d3"}


def test_counts_of_redactions_survive_an_update_of_another_file(store: Store) -> None:
    with store.update("r") as update:
        update.put("a.py", "d1", [encode_chunk("a.py", 1, "one")], {"key": 2})
        update.commit(Repository("r", "/src", "abc"))
    with store.update("r") as update:
        update.put("b.py", "d2", [encode_chunk("b.py", 1, "two")], {"token": 1})
        assert update.commit(Repository("r", "/src", "abc")).redacted == {"key": 2, "token": 1}


def test_an_interrupted_update_resumes(store: Store, reopen: Callable[[], Store]) -> None:
    store_files(store, [encode_chunk("a.py", 1, "one"), encode_chunk("b.py", 1, "two")])
    with pytest.raises(KeyboardInterrupt), store.update("r") as update:
        update.put("b.py", "new", [encode_chunk("b.py", 1, "changed")])
        raise KeyboardInterrupt

    with reopen().update("r") as update:
        assert update.files()["b.py"] == "new"
        update.commit(Repository("r", "/src", "rev"))

    assert [chunk.text for chunk in store.chunks("r", "b.py")] == ["changed"]
    assert search(store, encode_query("one"), limit=100) == [("r", "a.py", 1), ("r", "b.py", 1)]


def test_another_index_version_replaces_everything(store: Store) -> None:
    store_files(store, [encode_chunk("a.py", 1, "one"), encode_chunk("old.py", 1, "two")], version=1)
    store_files(store, [encode_chunk("z.py", 1, "zed", repo="s")], repo="s", version=1)

    with store.update("r", 2) as update:
        assert update.files() == {}
        update.put("a.py", "d", [encode_chunk("a.py", 4, "remade")])
        update.commit(Repository("r", "/src", "rev"))

    assert search(store, encode_query("one"), limit=100) == [("r", "a.py", 4), ("s", "z.py", 1)]
    assert store.files("r") == {"a.py": "d"}


def test_removing_a_repository_leaves_the_others(store: Store) -> None:
    store_files(store, corpus(30))
    others = corpus(20, repo="s")
    store_files(store, others, repo="s")

    store.remove("r")

    assert [repository.name for repository in store.repositories()] == ["s"]
    assert search(store, encode_query("request"), limit=1_000) == sorted(map(place, others))
    assert store.files("r") == {}
    store.remove("s")
    assert store.repositories() == []
    assert store.query(encode_query("request"), Where(), 5) == []


def test_reading_an_empty_store(store: Store) -> None:
    for read in (
        store.repositories,
        lambda: store.files("r"),
        lambda: store.query(encode_query("x"), Where(), 5),
        lambda: store.chunks("r", "a.py"),
        lambda: store.remove("r"),
    ):
        with pytest.raises(StoreMissingError, match="codeintel index"):
            read()


def test_a_second_writer_is_rejected_and_readers_go_on(store: Store, reopen: Callable[[], Store]) -> None:
    store_files(store, [encode_chunk("a.py", 1, "one")])
    with store.update("r") as update:
        update.put("b.py", "d", [encode_chunk("b.py", 1, "two")])
        with pytest.raises(StoreBusyError, match=f"pid {os.getpid()}.*wait"):
            reopen().update("r")
        assert ("r", "a.py", 1) in search(reopen(), encode_query("one"))
        update.commit(Repository("r", "/src", "rev"))
    with reopen().update("r"):
        pass


@pytest.mark.parametrize(
    "change",
    [
        {"dense": np.full(DIMENSION, np.nan, np.float32)},
        {"dense": np.ones(DIMENSION, np.float32)},
        {"dense": np.ones(3, np.float32)},
        {"text": SparseVector([1, 1], [1.0, 1.0])},
        {"text": SparseVector([1, 2], [1.0])},
        {"names": SparseVector([1], [float("nan")])},
        {"names": SparseVector([1, 2], [2.0, -1.0])},
    ],
)
def test_invalid_vectors_are_rejected(store: Store, change: dict[str, object]) -> None:
    good = encode_chunk("a.py", 7, "one")
    parts = {"chunk": good.chunk, "dense": good.dense, "text": good.text, "names": weights(["x"])} | change
    with store.update("r") as update, pytest.raises(EmbedderError, match=r"a\.py:7"):
        update.put("a.py", "d", [EncodedChunk(**parts)])  # type: ignore[arg-type]


def test_more_chunks_than_a_batch(store: Store) -> None:
    chunks = [encode_chunk(f"f{number % 7}.py", number + 1, f"word{number} common") for number in range(2_600)]
    store_files(store, chunks)

    assert len(store.chunks("r", "f0.py")) == 372
    [repository] = store.repositories()
    assert repository.chunks == 2_600
    assert place(chunks[1_234]) in search(store, encode_query("word1234"), limit=1)


@pytest.mark.parametrize("most_paths", [0, 300])
def test_globs_match_alike_in_both_code_paths(store: Store, most_paths: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MOST_PATHS", most_paths)
    chunks = corpus(300)
    store_files(store, chunks)
    query = encode_query("parse request", "user cache")
    within = [chunk for chunk in chunks if chunk.chunk.file_path.startswith("src/b/")]
    expected = expected_scores(chunks, query)
    best = {
        key
        for scores in expected.values()
        for key in sorted(
            filter(set(map(place, within)).__contains__, scores),
            key=lambda key: (-round(scores[key], 5), chunk_id(*key)),
        )[:5]
    }

    assert search(store, query, Where(paths=["src/b"]), limit=5) == sorted(best)
    assert search(store, query, Where(paths=["src/b"], languages=["rust"]), limit=5) == []
