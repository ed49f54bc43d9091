"""An OpenAI-compatible embeddings endpoint that serves the project's own static vectors over real HTTP."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ml.index.embedder.static import load_static
from tests.support.http_double import Handler, serve

Reply = tuple[int, Any]
Behaviour = Callable[[dict[str, Any]], Reply]


@dataclass
class EmbeddingServer:
    """A running endpoint: its address and the requests it received."""

    url: str
    requests: list[dict[str, Any]] = field(default_factory=list)


@contextmanager
def embedding_server(*behaviours: Behaviour) -> Iterator[EmbeddingServer]:
    """Run an endpoint whose n-th request gets the n-th behaviour; the last behaviour serves all later requests."""

    class Endpoint(Handler):
        def do_POST(self) -> None:
            request = self.read_json()
            running.requests.append(request)
            status, body = behaviours[min(len(running.requests), len(behaviours)) - 1](request)
            data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
            self.reply(data, status, {"Content-Type": "application/json", "Retry-After-Ms": "1"})

    with serve(Endpoint) as address:
        running = EmbeddingServer(f"{address}/v1")
        yield running


def embeds(request: dict[str, Any]) -> Reply:
    """Answer with the static vectors, scaled by three and shuffled, but with their indices."""
    vectors = load_static().documents(request["input"]) * 3
    entries = [{"object": "embedding", "index": at, "embedding": row.tolist()} for at, row in enumerate(vectors)]
    return 200, {
        "object": "list",
        "model": request["model"],
        "data": entries[::-1],
        "usage": {"prompt_tokens": 0, "total_tokens": 0},
    }


def answers(status: int, body: Any) -> Behaviour:
    """Answer with this, whatever the request."""
    return lambda request: (status, body)


def gives(*numbers: float) -> Behaviour:
    """Answer each text with these numbers as its vector."""

    def reply(request: dict[str, Any]) -> Reply:
        return 200, {
            "object": "list",
            "data": [{"index": at, "embedding": numbers} for at, _ in enumerate(request["input"])],
        }

    return reply
