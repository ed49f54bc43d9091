"""A double of a Qdrant server: the routes that the store calls, answered by qdrant-client's own memory.

It can go away and come back with all that it held, hang, and refuse what is too large. What else a real server does
(segments, optimizers, a log of changes) it does not do.
"""

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import BaseModel, TypeAdapter
from qdrant_client import QdrantClient, models

MOST_BYTES = 32 << 20  # Qdrant's own limit
ROUTE = re.compile(r"(?P<verb>[A-Z]+) /collections/(?P<collection>[^/?]+)(?P<rest>[^?]*)")
SELECTOR: TypeAdapter[models.FilterSelector | models.PointIdsList] = TypeAdapter(
    models.FilterSelector | models.PointIdsList
)


class QdrantServer:
    """A server on a port of its own.

    `requests` are those that it took, as "VERB /path"; `keys` the api-keys they had; `largest` the most bytes of one.
    """

    def __init__(self) -> None:
        self.memory = QdrantClient(":memory:")
        self.requests: list[str] = []
        self.keys: set[str | None] = set()
        self.largest = 0
        self.answers = threading.Event()
        self.answers.set()
        self.turn = threading.Lock()  # the memory is for one thread at a time
        self._http = _Http(("127.0.0.1", 0), self)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._serve()

    def go_away(self) -> None:
        """Stops listening, as a server that is restarted."""
        self.answers.set()
        self._http.shutdown()
        self._http.server_close()

    def come_back(self) -> None:
        """Listens again, with all that it held."""
        self._http = _Http(self._http.server_address[:2], self)  # type: ignore[arg-type]  # that of IPv4 is a pair
        self._serve()

    def _serve(self) -> None:
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()


@contextmanager
def qdrant_server() -> Iterator[QdrantServer]:
    """Runs a server with nothing in it."""
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
        qdrant.answers.wait()
        found = ROUTE.match(f"{self.command} {self.path}")
        if len(body) > MOST_BYTES or found is None:
            self._send(413 if found else 404, {"status": {"error": "Payload reached size limit"}})
            return
        collection, call = found["collection"], f"{found['verb']} {found['rest']}"
        with qdrant.turn:
            if not call.endswith("/exists") and call != "PUT " and not qdrant.memory.collection_exists(collection):
                self._send(404, {"status": {"error": f"Not found: Collection `{collection}` doesn't exist!"}})
                return
            result = _answer(qdrant.memory, collection, call, body)
        self._send(200, {"result": result, "status": "ok", "time": 0.0})

    def do_GET(self) -> None:
        self._reply()

    def do_POST(self) -> None:
        self._reply()

    def do_PUT(self) -> None:
        self._reply()

    def _send(self, status: int, body: Any) -> None:
        content = json.dumps(body, default=_plain).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
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
            pass  # the memory has none
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
