"""What only a server can do to its clients: be away, refuse, break off in the middle, be shared."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException

from ml.errors import StoreBusyError, StoreError, StoreFullError, StoreMissingError, StoreVersionError
from ml.index.store import open_store
from ml.index.store.base import Repository, Where
from ml.index.store.manifest import FORMAT
from ml.index.store.points import point_id
from ml.index.store.server import FORMAT_ID, ServerStore
from ml.index.store.server_update import LEASE_SECONDS, record
from tests.support.chunks import DIMENSION, EMBEDDER, asked, encoded, store_files

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")


class FailingClient(QdrantClient):
    """A client whose server goes away before its n-th change."""

    changes_left: int | None = None

    def _change(self) -> None:
        if self.changes_left == 0:
            raise ResponseHandlingException(ConnectionResetError("the server went away"))
        if self.changes_left is not None:
            self.changes_left -= 1

    def upsert(self, *args: Any, **kwargs: Any) -> Any:
        self._change()
        return super().upsert(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        self._change()
        return super().delete(*args, **kwargs)


@pytest.fixture
def client() -> FailingClient:
    return FailingClient(":memory:")


def opened(client: QdrantClient, embedder: str = EMBEDDER.name) -> ServerStore:
    return ServerStore(client, "test", embedder, DIMENSION)


def texts(store: ServerStore) -> list[str]:
    return sorted(one.chunk.text for one in store.query(asked("anything"), Where(), 1_000))


@contextmanager
def answering(status: int, body: bytes = b"{}") -> Iterator[str]:
    """Serves one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_server_that_is_away_is_named_without_its_password() -> None:
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:9 does not answer.*start it") as caught:
        open_store("http://someone:secret@127.0.0.1:9", EMBEDDER.name, DIMENSION)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, b"{}", StoreError, "CODEINTEL_STORE_API_KEY"),
        (403, b"{}", StoreError, "CODEINTEL_STORE_API_KEY"),
        (500, b'{"status":{"error":"No space left on device"}}', StoreFullError, "no room"),
        (503, b"{}", StoreError, "see its log"),
        (200, b"not json", StoreError, "no Qdrant server"),
    ],
)
def test_a_server_that_refuses(status: int, body: bytes, kind: type[StoreError], words: str) -> None:
    with answering(status, body) as url, pytest.raises(kind, match=words):
        open_store(url, EMBEDDER.name, DIMENSION)


def test_without_the_client_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(StoreError, match=r"pip install 'codeintel\[qdrant\]'"):
        open_store("http://127.0.0.1:9", EMBEDDER.name, DIMENSION)


def test_a_run_broken_off_at_any_change_leaves_whole_files_and_the_next_completes_it(client: FailingClient) -> None:
    old = [encoded("a.py", line, f"old a {line}") for line in (1, 5, 9)] + [encoded("b.py", 1, "old b")]
    new = [encoded("a.py", line, f"new a {line}") for line in (1, 7)] + [encoded("c.py", 1, "new c")]
    broken = 0
    for changes in range(1, 12):
        store_files(opened(client), old)
        client.changes_left = changes
        try:
            store_files(opened(client), new)
        except StoreError:
            broken += 1
        client.changes_left = None

        found = texts(opened(client))
        assert {text for text in found if " a " not in text} <= {"old b", "new c"}
        of_a = {text for text in found if " a " in text}
        assert (
            of_a >= {"old a 1", "old a 5", "old a 9"}
            or of_a >= {"new a 1", "new a 7"}
            or of_a >= {"old a 5", "old a 9", "new a 1"}
        )
        expire_lease(client)
        store_files(opened(client), new)
        assert texts(opened(client)) == ["new a 1", "new a 7", "new c"]
    assert broken > 3


def expire_lease(client: QdrantClient) -> None:
    store = opened(client)
    for lease in list(store.scroll("lease")):
        client.upsert(store.records, [record(point_id("lease", lease["repo"]), lease | {"expires": 0.0})])


def test_a_killed_writers_lease_expires(client: FailingClient) -> None:
    store = opened(client)
    store_files(store, [encoded("a.py", 1, "one")])
    lease = {"kind": "lease", "repo": "r", "owner": "elsewhere pid 7 abc", "expires": time.time() + LEASE_SECONDS}
    client.upsert(store.records, [record(point_id("lease", "r"), lease)])
    with pytest.raises(StoreBusyError, match=r"elsewhere pid 7.*120 seconds"):
        store.update("r")
    store_files(opened(client), [encoded("a.py", 1, "other", repo="s")], repo="s")  # a lease is for one repository

    expire_lease(client)
    store_files(store, [encoded("a.py", 1, "two")])
    assert texts(store) == ["other", "two"]


def test_a_writer_whose_lease_another_took_stops(client: FailingClient) -> None:
    store = opened(client)
    with pytest.raises(StoreBusyError), store.update("r") as update:
        lease = {"kind": "lease", "repo": "r", "owner": "elsewhere pid 7 abc", "expires": time.time() + LEASE_SECONDS}
        client.upsert(store.records, [record(point_id("lease", "r"), lease)])
        update._lease._renewed -= LEASE_SECONDS  # as if that long had passed
        update.put("a.py", "d", [encoded("a.py", 1, "one")])
        update.commit(Repository("r", "/src", "rev"))


def test_each_embedder_has_its_own_collections(client: FailingClient) -> None:
    store_files(opened(client), [encoded("a.py", 1, "one")])
    other = opened(client, "someone/other model:1")

    assert other.code == "code_someone-other-model-1_16"
    with pytest.raises(StoreMissingError, match="someone/other model:1"):
        texts(other)
    assert {one.name for one in client.get_collections().collections} == {"code_hash-1_16", "code_hash-1_16_files"}


def test_collections_of_a_newer_version(client: FailingClient) -> None:
    store = opened(client)
    store_files(store, [encoded("a.py", 1, "one")])
    newer = {"kind": "format", "format": FORMAT + 1, "embedder": EMBEDDER.name, "dimension": DIMENSION}
    client.upsert(store.records, [record(FORMAT_ID, newer)])
    with pytest.raises(StoreVersionError, match="newer"):
        opened(client)
