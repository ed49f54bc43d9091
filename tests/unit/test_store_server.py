"""What only a server can do to its clients: be down, reject, break off midway, be shared."""

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest
from qdrant_client import QdrantClient
from qdrant_client.http.exceptions import ResponseHandlingException

from ml.errors import (
    StoreAwayError,
    StoreBusyError,
    StoreError,
    StoreFullError,
    StoreMissingError,
    StoreVersionError,
)
from ml.index.store import open_store
from ml.index.store.base import EncodedChunk, Repository, Store, Where
from ml.index.store.embedded.manifest import FORMAT
from ml.index.store.points import point_id
from ml.index.store.server import server
from ml.index.store.server import update as server_update
from ml.index.store.server.server import FORMAT_ID, ServerStore
from ml.index.store.server.update import LEASE_SECONDS, record
from tests.support.chunks import DIMENSION, EMBEDDER, encode_chunk, encode_query, store_files
from tests.support.qdrant_server import MOST_BYTES, qdrant_server

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")


class FailingClient(QdrantClient):
    """A client whose server goes down before its n-th change. `made` has each collection's creation arguments."""

    changes_left: int | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.made: dict[str, dict[str, Any]] = {}

    def create_collection(self, collection_name: str, *args: Any, **kwargs: Any) -> bool:
        self.made[collection_name] = kwargs
        return super().create_collection(collection_name, *args, **kwargs)

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
def client(monkeypatch: pytest.MonkeyPatch) -> FailingClient:
    monkeypatch.setattr(server_update, "PAUSES", ())
    return FailingClient(":memory:")


def open_test_store(client: QdrantClient, embedder: str = EMBEDDER.name) -> ServerStore:
    return ServerStore(client, "test", embedder, DIMENSION)


def texts(store: Store) -> list[str]:
    return sorted(one.chunk.text for one in store.query(encode_query("anything"), Where(), 1_000))


@contextmanager
def answering(status: int, body: bytes = b"{}") -> Iterator[str]:
    """Serve one answer to everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


@contextmanager
def nobody_accepting() -> Iterator[str]:
    """Yield an address that never accepts a connection, like that of a machine that is gone."""
    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}"


def test_an_unreachable_server_is_named_without_its_password() -> None:
    store = open_store("http://someone:secret@127.0.0.1:9", EMBEDDER.name, DIMENSION)
    with pytest.raises(StoreAwayError, match=r"127\.0\.0\.1:9 does not answer.*start it") as caught:
        store.repositories()
    assert "secret" not in str(caught.value)


NOT_FOUND = b'{"status":{"error":"Not found: Collection `code_hash-1_16_files` doesn\'t exist!"}}'


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, b"Must provide an API key", StoreError, "CODEINTEL_STORE_API_KEY"),
        (
            403,
            b'{"status":{"error":"Forbidden: Global manage access is required"}}',
            StoreError,
            "does not allow writes.*KEY to a key",
        ),
        (404, NOT_FOUND, StoreMissingError, r"is gone \(Not found.*codeintel index"),
        (404, b"<html>", StoreError, "not a Qdrant server"),
        (500, b'{"status":{"error":"No space left on device"}}', StoreFullError, "no free disk space"),
        (500, b'{"status":{"error":"two\\nlines"}}', StoreError, r"rejects the request \(two lines\): check its log"),
        (503, b"{}", StoreAwayError, r"does not answer \(status 503\).*check its log"),
        (200, b"not json", StoreError, "not a Qdrant server"),
        (200, b"{}", StoreError, "not a Qdrant server"),
        (200, b'{"result":{"exists":"perhaps"}}', StoreError, "not a Qdrant server"),
    ],
)
def test_a_server_that_rejects_requests(status: int, body: bytes, kind: type[StoreError], words: str) -> None:
    with answering(status, body) as url, pytest.raises(StoreError, match=words) as caught:
        open_store(url, EMBEDDER.name, DIMENSION).repositories()
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://", "http://127.0.0.1:port", "http://two words:6333"])
def test_an_invalid_address(url: str) -> None:
    with pytest.raises(StoreError, match="set --store to http://HOST:6333"):
        open_store(url, EMBEDDER.name, DIMENSION)


def test_an_address_without_a_port_gets_the_default_port() -> None:
    store = open_store("http://127.0.0.1", EMBEDDER.name, DIMENSION)
    with pytest.raises(StoreError, match=r" 127\.0\.0\.1:6333"):  # a server may be running there
        store.repositories()


def test_the_key_is_sent_with_every_call_and_raises_no_warning() -> None:
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, DIMENSION, api_key="one key")
        store_files(store, [encode_chunk("a.py", 1, "one")])
        assert [one.chunk.text for one in store.query(encode_query("one"), Where(), 5)] == ["one"]
        assert running.keys == {"one key"}


def test_responses_are_not_compressed() -> None:
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, DIMENSION)
        store_files(store, [encode_chunk("a.py", 1, "one")])
        assert running.encodings == {"identity"}


def test_an_unreachable_machine_times_out_soon_and_is_then_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECT_SECONDS", 0.3)
    monkeypatch.setattr(server, "REST_SECONDS", 60.0)
    with nobody_accepting() as url:
        store = open_store(url, EMBEDDER.name, DIMENSION)
        began = time.monotonic()
        with pytest.raises(StoreAwayError, match=r"does not answer \(timed out\)"):
            store.repositories()
        assert time.monotonic() - began < 2
        began = time.monotonic()
        with pytest.raises(StoreAwayError, match=r"a moment ago: it is retried in \d+ s"):
            store.files("r")
        assert time.monotonic() - began < 0.2


def test_readers_recover_once_the_server_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REST_SECONDS", 0.2)
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, DIMENSION)
        store_files(store, [encode_chunk("a.py", 1, "one")])
        running.go_away()
        with pytest.raises(StoreAwayError, match="refused"):
            store.files("r")
        running.come_back()
        with pytest.raises(StoreAwayError, match="a moment ago"):
            store.files("r")
        time.sleep(0.2)
        assert store.files("r").keys() == {"a.py"}


def test_a_writer_waits_for_a_restarting_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_update, "PAUSES", (0.1,) * 50)
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, DIMENSION)
        with store.update("r") as update:
            update.put("a.py", "d", [encode_chunk("a.py", 1, "one")])
            running.go_away()
            threading.Timer(0.5, running.come_back).start()
            done = update.commit(Repository("r", "/src", "rev"))
        assert done.chunks == 1
        assert store.files("r") == {"a.py": "d"}


def test_a_writer_gives_up_on_a_server_that_stays_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_update, "PAUSES", (0.01, 0.01))
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, DIMENSION)
        with pytest.raises(StoreAwayError, match="refused"), store.update("r") as update:
            update.put("a.py", "d", [encode_chunk("a.py", 1, "one")])
            running.go_away()
            update.commit(Repository("r", "/src", "rev"))
        running.come_back()


def test_a_file_of_many_chunks_is_split_into_allowed_requests() -> None:
    dimension, chunks = 4_096, 600
    one = np.zeros(dimension, np.float32)
    one[:] = dimension**-0.5
    parts = [encode_chunk("a.py", line, f"word{line}") for line in range(1, chunks + 1)]
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, dimension)
        with store.update("r") as update:
            update.put("a.py", "d", [EncodedChunk(part.chunk, one, part.text, part.names) for part in parts])
            update.commit(Repository("r", "/src", "rev"))
        assert len(store.chunks("r", "a.py")) == chunks
        assert running.largest < MOST_BYTES / 2


def test_missing_collections_are_created_again() -> None:
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, DIMENSION)
        store_files(store, [encode_chunk("a.py", 1, "one")])
        for collection in ("code_hash-1_16", "code_hash-1_16_files"):
            running.memory.delete_collection(collection)
        with pytest.raises(StoreMissingError, match="is gone"):
            store.repositories()
        with pytest.raises(StoreMissingError, match="nothing is indexed"):
            store.repositories()
        store_files(store, [encode_chunk("a.py", 1, "one")])
        assert texts(store) == ["one"]


def test_incomplete_collections_are_completed(client: FailingClient) -> None:
    store_files(open_test_store(client), [encode_chunk("a.py", 1, "one")])
    client.delete("code_hash-1_16_files", [FORMAT_ID])

    with pytest.raises(StoreMissingError, match="nothing is indexed"):
        texts(open_test_store(client))
    store_files(open_test_store(client), [encode_chunk("a.py", 1, "one")])
    assert texts(open_test_store(client)) == ["one"]


def test_a_missing_client_is_an_error_with_a_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "qdrant_client", None)
    with pytest.raises(StoreError, match=r"pip install 'codeintel\[qdrant\]'"):
        open_store("http://127.0.0.1:9", EMBEDDER.name, DIMENSION)


def test_a_run_interrupted_anywhere_leaves_whole_files_and_the_next_completes_it(client: FailingClient) -> None:
    old = [encode_chunk("a.py", line, f"old a {line}") for line in (1, 5, 9)] + [encode_chunk("b.py", 1, "old b")]
    new = [encode_chunk("a.py", line, f"new a {line}") for line in (1, 7)] + [encode_chunk("c.py", 1, "new c")]
    broken = 0
    for changes in range(1, 12):
        store_files(open_test_store(client), old)
        client.changes_left = changes
        try:
            store_files(open_test_store(client), new)
        except StoreError:
            broken += 1
        client.changes_left = None

        found = texts(open_test_store(client))
        assert {text for text in found if " a " not in text} <= {"old b", "new c"}
        of_a = {text for text in found if " a " in text}
        assert (
            of_a >= {"old a 1", "old a 5", "old a 9"}
            or of_a >= {"new a 1", "new a 7"}
            or of_a >= {"old a 5", "old a 9", "new a 1"}
        )
        expire_lease(client)
        store_files(open_test_store(client), new)
        assert texts(open_test_store(client)) == ["new a 1", "new a 7", "new c"]
    assert broken > 3


def expire_lease(client: QdrantClient) -> None:
    store = open_test_store(client)
    for lease in list(store.scroll("lease")):
        client.upsert(store.records, [record(point_id("lease", lease["repo"]), lease | {"expires": 0.0})])


def test_a_killed_writers_lease_expires(client: FailingClient) -> None:
    store = open_test_store(client)
    store_files(store, [encode_chunk("a.py", 1, "one")])
    lease = {"kind": "lease", "repo": "r", "owner": "elsewhere pid 7 abc", "expires": time.time() + LEASE_SECONDS}
    client.upsert(store.records, [record(point_id("lease", "r"), lease)])
    with pytest.raises(StoreBusyError, match=r"elsewhere pid 7.*120 seconds"):
        store.update("r")
    store_files(
        open_test_store(client), [encode_chunk("a.py", 1, "other", repo="s")], repo="s"
    )  # a lease is for one repository

    expire_lease(client)
    store_files(store, [encode_chunk("a.py", 1, "two")])
    assert texts(store) == ["other", "two"]


def test_a_killed_local_writer_blocks_nobody(client: FailingClient) -> None:
    store = open_test_store(client)
    store_files(store, [encode_chunk("a.py", 1, "one")])
    with subprocess.Popen(["sleep", "60"]) as writer:
        lease: dict[str, object] = {"kind": "lease", "repo": "r", "expires": time.time() + LEASE_SECONDS}
        lease["owner"] = f"{socket.gethostname()} pid {writer.pid} abc"
        client.upsert(store.records, [record(point_id("lease", "r"), lease)])
        with pytest.raises(StoreBusyError, match=f"pid {writer.pid}"):
            store.update("r")
        writer.kill()

    store_files(store, [encode_chunk("a.py", 1, "two")])
    assert texts(store) == ["two"]


def test_a_restarted_container_with_the_same_pid_goes_on(client: FailingClient) -> None:
    store = open_test_store(client)
    store_files(store, [encode_chunk("a.py", 1, "one")])
    lease: dict[str, object] = {"kind": "lease", "repo": "r", "expires": time.time() + LEASE_SECONDS}
    lease["owner"] = f"{socket.gethostname()} pid {os.getpid()} before"
    client.upsert(store.records, [record(point_id("lease", "r"), lease)])

    store_files(store, [encode_chunk("a.py", 1, "two")])
    assert texts(store) == ["two"]


def test_a_writer_stops_once_its_lease_is_lost(client: FailingClient) -> None:
    store = open_test_store(client)
    with pytest.raises(StoreBusyError), store.update("r") as update:
        lease = {"kind": "lease", "repo": "r", "owner": "elsewhere pid 7 abc", "expires": time.time() + LEASE_SECONDS}
        client.upsert(store.records, [record(point_id("lease", "r"), lease)])
        update._lease._renewed -= LEASE_SECONDS  # as if that long had passed
        update.put("a.py", "d", [encode_chunk("a.py", 1, "one")])
        update.commit(Repository("r", "/src", "rev"))


def test_each_embedder_has_its_own_collections(client: FailingClient) -> None:
    store_files(open_test_store(client), [encode_chunk("a.py", 1, "one")])
    other = open_test_store(client, "someone/other model:1")

    assert other.code == "code_someone-other-model-1_16"
    with pytest.raises(StoreMissingError, match="someone/other model:1"):
        texts(other)
    assert {one.name for one in client.get_collections().collections} == {"code_hash-1_16", "code_hash-1_16_files"}


def test_deleted_points_are_vacuumed_early_and_the_layout_is_as_configured(client: FailingClient) -> None:
    store = ServerStore(client, "test", EMBEDDER.name, DIMENSION, server.Layout(3, 2))
    store_files(store, [encode_chunk("a.py", 1, "one")])

    made = client.made[store.code]
    assert (made["shard_number"], made["replication_factor"]) == (3, 2)
    assert made["optimizers_config"].deleted_threshold == 0.05  # Qdrant's own is a fifth


def test_collections_of_a_newer_version(client: FailingClient) -> None:
    store = open_test_store(client)
    store_files(store, [encode_chunk("a.py", 1, "one")])
    newer = {"kind": "format", "format": FORMAT + 1, "embedder": EMBEDDER.name, "dimension": DIMENSION}
    client.upsert(store.records, [record(FORMAT_ID, newer)])
    with pytest.raises(StoreVersionError, match="newer"):
        texts(open_test_store(client))
