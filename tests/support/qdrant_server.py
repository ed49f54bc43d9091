"""A double of a Qdrant server: the routes that the store calls, answered by qdrant-client's own local mode.

It can go down and come back with all its data, hang, and reject what is too large or what a key does not allow.
It has no segments, optimizers or write-ahead log. As a program it takes a pod's
place in the test cluster: `qdrant_server.py --folder DIR`, with its keys in Qdrant's own variables.
"""

import argparse
import json
import os
import re
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import BaseModel, TypeAdapter
from qdrant_client import QdrantClient, models

PORT = 6333
MOST_BYTES = 32 << 20  # Qdrant's own limit
PROBES = ("/readyz", "/livez")  # answered without a key
READING = ("GET /exists", "POST /points", "POST /points/scroll", "POST /points/query/batch")
ROUTE = re.compile(r"(?P<verb>[A-Z]+) /collections/(?P<collection>[^/?]+)(?P<rest>[^?]*)")
SELECTOR: TypeAdapter[models.FilterSelector | models.PointIdsList] = TypeAdapter(
    models.FilterSelector | models.PointIdsList
)


class QdrantServer:
    """A server, by default empty and on a port of its own; `folder` is where it keeps its data.

    If keys are given, `key` allows everything and `read_only_key` only reads.
    `requests` are those received, as "VERB /path"; `keys` and `encodings` their api-key and Accept-Encoding
    headers; `largest` the size of the largest, in bytes.
    """

    def __init__(
        self, address: tuple[str, int] = ("127.0.0.1", 0), folder: str = "", key: str = "", read_only_key: str = ""
    ) -> None:
        where: dict[str, Any] = {"path": folder} if folder else {"location": ":memory:"}
        self.memory = QdrantClient(**where, force_disable_check_same_thread=True)
        self.key, self.read_only_key = key, read_only_key
        self.requests: list[str] = []
        self.keys: set[str | None] = set()
        self.encodings: set[str | None] = set()
        self.largest = 0
        self.answers = threading.Event()
        self.answers.set()
        self.turn = threading.Lock()  # the in-memory client is not thread-safe
        self._http = _Http(address, self)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._serve()

    def go_away(self) -> None:
        """Stop listening, as a restarting server does."""
        self.answers.set()
        self._http.shutdown()
        self._http.server_close()

    def come_back(self) -> None:
        """Listen again, with all its data."""
        self._http = _Http(self._http.server_address[:2], self)  # type: ignore[arg-type]  # an IPv4 address is a pair
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@contextmanager
def qdrant_server() -> Iterator[QdrantServer]:
    """Run an empty server."""
    server = QdrantServer()
    try:
        yield server
    finally:
        server.go_away()


class _Http(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: tuple[str, int], server: QdrantServer) -> None:
        self.qdrant = server
        super().__init__(address, _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Http

    def _reply(self) -> None:
        qdrant, body = self.server.qdrant, self.rfile.read(int(self.headers.get("Content-Length", 0)))
        qdrant.requests.append(f"{self.command} {self.path}")
        qdrant.largest = max(qdrant.largest, len(body))
        qdrant.keys.add(self.headers.get("api-key"))
        qdrant.encodings.add(self.headers.get("accept-encoding"))
        qdrant.answers.wait()
        if self.path in PROBES:
            self._send(200, {})
            return
        found = ROUTE.match(f"{self.command} {self.path}")
        collection, call = (found["collection"], f"{found['verb']} {found['rest']}") if found else ("", "GET /exists")
        if not self._may(call):
            self._send(403, {"status": {"error": "Forbidden"}})
            return
        if self.path == "/metrics":
            self._send(200, f"collections_total {len(qdrant.memory.get_collections().collections)}\n", "text/plain")
            return
        if len(body) > MOST_BYTES or found is None:
            self._send(413 if found else 404, {"status": {"error": "Payload reached size limit"}})
            return
        with qdrant.turn:
            if not call.endswith("/exists") and call != "PUT " and not qdrant.memory.collection_exists(collection):
                self._send(404, {"status": {"error": f"Not found: Collection `{collection}` doesn't exist!"}})
                return
            result = _answer(qdrant.memory, collection, call, body)
        self._send(200, {"result": result, "status": "ok", "time": 0.0})

    def _may(self, call: str) -> bool:
        key, qdrant = self.headers.get("api-key") or self.headers.get("Authorization", "")[7:], self.server.qdrant
        return not qdrant.key or key == qdrant.key or (key == qdrant.read_only_key and call in READING)

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self._reply()

    def do_PUT(self) -> None:
        self._reply()

    def _send(self, status: int, body: Any, kind: str = "application/json") -> None:
        content = (body if isinstance(body, str) else json.dumps(body, default=_plain)).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        with suppress(ConnectionError):  # the caller may have given up
            self.end_headers()
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def _answer(memory: QdrantClient, collection: str, call: str, body: bytes) -> Any:
    match call:
        case "GET /exists":
            return {"exists": memory.collection_exists(collection)}
        case "PUT ":
            made = models.CreateCollection.model_validate_json(body)
            return memory.create_collection(collection, made.vectors or {}, made.sparse_vectors)
        case "PUT /index":
            pass  # the in-memory client has none
        case "POST /points":
            return memory.retrieve(collection, models.PointRequest.model_validate_json(body).ids)
        case "PUT /points":
            memory.upsert(collection, models.PointsList.model_validate_json(body).points)
        case "POST /points/delete":
            memory.delete(collection, SELECTOR.validate_json(body))
        case "POST /points/scroll":
            asked = models.ScrollRequest.model_validate_json(body)
            points, after = memory.scroll(collection, asked.filter, limit=asked.limit or 10, offset=asked.offset)
            return {"points": points, "next_page_offset": after}
        case "POST /points/query/batch":
            return memory.query_batch_points(collection, models.QueryRequestBatch.model_validate_json(body).searches)
    return {"operation_id": 0, "status": "completed"}


def _plain(value: BaseModel) -> Any:
    return value.model_dump(mode="json")


def main() -> None:
    """Serve as a pod does, until stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    keys = (os.environ.get(f"QDRANT__SERVICE__{name}", "") for name in ("API_KEY", "READ_ONLY_API_KEY"))
    server = QdrantServer(("", PORT), parser.parse_args().folder, *keys)
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    server.go_away()
    server.memory.close()


if __name__ == "__main__":
    main()
