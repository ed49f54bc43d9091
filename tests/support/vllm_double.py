"""What the service and the evaluation need of vLLM with LoRA adapters, over real HTTP: models, loading one, answers."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.llm_server import says

BASE = "big"


@contextmanager
def vllm_double(reply: Callable[[str], str]) -> Iterator[str]:
    """Runs an endpoint that serves BASE and what is loaded, answering by a function of the model; gives its address."""
    names = {BASE: "/weights/big"}

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send({"object": "list", "data": [{"id": name, "root": root} for name, root in names.items()]})

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if self.path.endswith("/load_lora_adapter"):
                names[request["lora_name"]] = request["lora_path"]
                self._send({"loaded": True})
            else:
                says(reply(request["model"]))(self)

        def _send(self, value: Any) -> None:
            data = json.dumps(value).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *arguments: object) -> None:
            """Keeps the test's output clean."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
    server.daemon_threads = True
    server.block_on_close = False
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
