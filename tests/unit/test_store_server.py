"""What only a server can do to its clients: be away, refuse, break off in the middle, be shared."""

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
from tests.support.chunks import DIMENSION, EMBEDDER, asked, encoded, store_files
from tests.support.qdrant_server import MOST_BYTES, qdrant_server

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect")


class FailingClient(QdrantClient):
    """A client whose server goes away before its n-th change. `made` says how each collection was."""

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


def opened(client: QdrantClient, embedder: str = EMBEDDER.name) -> ServerStore:
    return ServerStore(client, "test", embedder, DIMENSION)


def texts(store: Store) -> list[str]:
    return sorted(one.chunk.text for one in store.query(asked("anything"), Where(), 1_000))


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
    """Yield an address where a connection is never made: as that of a machine that is gone, nothing comes back."""
    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        yield f"http://127.0.0.1:{full.getsockname()[1]}"


def test_a_server_that_is_away_is_named_without_its_password() -> None:
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
            "does not let.*KEY to one",
        ),
        (404, NOT_FOUND, StoreMissingError, r"is gone \(Not found.*codeintel index"),
        (404, b"<html>", StoreError, "no Qdrant server"),
        (500, b'{"status":{"error":"No space left on device"}}', StoreFullError, "no room"),
        (500, b'{"status":{"error":"two\\nlines"}}', StoreError, r"refuses \(two lines\): see its log"),
        (503, b"{}", StoreAwayError, r"does not answer \(status 503\).*see its log"),
        (200, b"not json", StoreError, "no Qdrant server"),
        (200, b"{}", StoreError, "no Qdrant server"),
        (200, b'{"result":{"exists":"perhaps"}}', StoreError, "no Qdrant server"),
    ],
)
def test_a_server_that_refuses(status: int, body: bytes, kind: type[StoreError], words: str) -> None:
    with answering(status, body) as url, pytest.raises(StoreError, match=words) as caught:
        open_store(url, EMBEDDER.name, DIMENSION).repositories()
    assert type(caught.value) is kind
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://", "http://127.0.0.1:port", "http://two words:6333"])
def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(StoreError, match="set --store to http://HOST:6333"):
        open_store(url, EMBEDDER.name, DIMENSION)


def test_an_address_without_a_port_is_that_of_qdrants() -> None:
    store = open_store("http://127.0.0.1", EMBEDDER.name, DIMENSION)
    with pytest.raises(StoreError, match=r" 127\.0\.0\.1:6333"):  # a server may be running there
        store.repositories()


def test_the_key_goes_with_every_call_and_is_not_warned_of() -> None:
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, DIMENSION, api_key="one key")
        store_files(store, [encoded("a.py", 1, "one")])
        assert [one.chunk.text for one in store.query(asked("one"), Where(), 5)] == ["one"]
        assert running.keys == {"one key"}


def test_answers_are_not_compressed_which_would_delay_them() -> None:
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, DIMENSION)
        store_files(store, [encoded("a.py", 1, "one")])
        assert running.encodings == {"identity"}


def test_a_machine_that_is_gone_is_given_up_soon_and_then_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_readers_find_out_by_themselves_that_it_is_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "REST_SECONDS", 0.2)
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, DIMENSION)
        store_files(store, [encoded("a.py", 1, "one")])
        running.go_away()
        with pytest.raises(StoreAwayError, match="refused"):
            store.files("r")
        running.come_back()
        with pytest.raises(StoreAwayError, match="a moment ago"):
            store.files("r")
        time.sleep(0.2)
        assert store.files("r").keys() == {"a.py"}


def test_a_writer_waits_for_a_server_that_is_restarted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_update, "PAUSES", (0.1,) * 50)
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, DIMENSION)
        with store.update("r") as update:
            update.put("a.py", "d", [encoded("a.py", 1, "one")])
            running.go_away()
            threading.Timer(0.5, running.come_back).start()
            done = update.commit(Repository("r", "/src", "rev"))
        assert done.chunks == 1
        assert store.files("r") == {"a.py": "d"}


def test_a_writer_whose_server_stays_away_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_update, "PAUSES", (0.01, 0.01))
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, DIMENSION)
        with pytest.raises(StoreAwayError, match="refused"), store.update("r") as update:
            update.put("a.py", "d", [encoded("a.py", 1, "one")])
            running.go_away()
            update.commit(Repository("r", "/src", "rev"))
        running.come_back()


def test_a_file_of_many_chunks_goes_in_requests_that_the_server_takes() -> None:
    dimension, chunks = 4_096, 600
    one = np.zeros(dimension, np.float32)
    one[:] = dimension**-0.5
    parts = [encoded("a.py", line, f"word{line}") for line in range(1, chunks + 1)]
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, dimension)
        with store.update("r") as update:
            update.put("a.py", "d", [EncodedChunk(part.chunk, one, part.text, part.names) for part in parts])
            update.commit(Repository("r", "/src", "rev"))
        assert len(store.chunks("r", "a.py")) == chunks
        assert running.largest < MOST_BYTES / 2


def test_collections_that_are_gone_are_made_again() -> None:
    with qdrant_server() as running:
        store = open_store(running.url, EMBEDDER.name, DIMENSION)
        store_files(store, [encoded("a.py", 1, "one")])
        for collection in ("code_hash-1_16", "code_hash-1_16_files"):
            running.memory.delete_collection(collection)
        with pytest.raises(StoreMissingError, match="is gone"):
            store.repositories()
        with pytest.raises(StoreMissingError, match="nothing is indexed"):
            store.repositories()
        store_files(store, [encoded("a.py", 1, "one")])
        assert texts(store) == ["one"]


def test_collections_that_were_left_half_made_are_completed(client: FailingClient) -> None:
    store_files(opened(client), [encoded("a.py", 1, "one")])
    client.delete("code_hash-1_16_files", [FORMAT_ID])

    with pytest.raises(StoreMissingError, match="nothing is indexed"):
        texts(opened(client))
    store_files(opened(client), [encoded("a.py", 1, "one")])
    assert texts(opened(client)) == ["one"]


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


def test_a_writer_that_was_killed_on_this_machine_bars_nobody(client: FailingClient) -> None:
    store = opened(client)
    store_files(store, [encoded("a.py", 1, "one")])
    with subprocess.Popen(["sleep", "60"]) as writer:
        lease: dict[str, object] = {"kind": "lease", "repo": "r", "expires": time.time() + LEASE_SECONDS}
        lease["owner"] = f"{socket.gethostname()} pid {writer.pid} abc"
        client.upsert(store.records, [record(point_id("lease", "r"), lease)])
        with pytest.raises(StoreBusyError, match=f"pid {writer.pid}"):
            store.update("r")
        writer.kill()

    store_files(store, [encoded("a.py", 1, "two")])
    assert texts(store) == ["two"]


def test_a_container_that_was_restarted_goes_on_though_its_number_is_the_same(client: FailingClient) -> None:
    store = opened(client)
    store_files(store, [encoded("a.py", 1, "one")])
    lease: dict[str, object] = {"kind": "lease", "repo": "r", "expires": time.time() + LEASE_SECONDS}
    lease["owner"] = f"{socket.gethostname()} pid {os.getpid()} before"
    client.upsert(store.records, [record(point_id("lease", "r"), lease)])

    store_files(store, [encoded("a.py", 1, "two")])
    assert texts(store) == ["two"]


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


def test_what_was_replaced_soon_counts_no_longer_and_the_layout_is_that_asked_for(client: FailingClient) -> None:
    store = ServerStore(client, "test", EMBEDDER.name, DIMENSION, server.Layout(3, 2))
    store_files(store, [encoded("a.py", 1, "one")])

    made = client.made[store.code]
    assert (made["shard_number"], made["replication_factor"]) == (3, 2)
    assert made["optimizers_config"].deleted_threshold == 0.05  # Qdrant's own is a fifth


def test_collections_of_a_newer_version(client: FailingClient) -> None:
    store = opened(client)
    store_files(store, [encoded("a.py", 1, "one")])
    newer = {"kind": "format", "format": FORMAT + 1, "embedder": EMBEDDER.name, "dimension": DIMENSION}
    client.upsert(store.records, [record(FORMAT_ID, newer)])
    with pytest.raises(StoreVersionError, match="newer"):
        texts(opened(client))
