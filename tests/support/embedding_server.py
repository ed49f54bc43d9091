"""An OpenAI-compatible embeddings endpoint over the project's own static vectors, in a real HTTP server."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ml.index.embedder.static import load_static

Reply = tuple[int, Any]
Behaviour = Callable[[dict[str, Any]], Reply]


@dataclass
class EmbeddingServer:
    """A running endpoint: its address and the requests that it got."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def embedding_server(*behaviours: Behaviour) -> Iterator[EmbeddingServer]:
    """Runs an endpoint whose n-th request meets the n-th behaviour; the last one serves all that follow."""

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            running.requests.append(request)
            status, body = behaviours[min(len(running.requests), len(behaviours)) - 1](request)
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Retry-After-Ms", "1")
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    running = EmbeddingServer(f"http://127.0.0.1:{server.server_address[1]}/v1")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def embeds(request: dict[str, Any]) -> Reply:
    """Answers with the static vectors, three times as long, in any order but with their numbers."""
    vectors = load_static().documents(request["input"]) * 3
    entries = [{"object": "embedding", "index": at, "embedding": row.tolist()} for at, row in enumerate(vectors)]
    return 200, {
        "object": "list",
        "model": request["model"],
        "data": entries[::-1],
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
    }


def answers(status: int, body: Any) -> Behaviour:
    """Answers this, whatever is asked."""
    return lambda request: (status, body)


def gives(*numbers: float) -> Behaviour:
    """Answers each text with these numbers."""

    def reply(request: dict[str, Any]) -> Reply:
        return 200, {
            "object": "list",
            "data": [{"index": at, "embedding": numbers} for at, _ in enumerate(request["input"])],
        }

    return reply
