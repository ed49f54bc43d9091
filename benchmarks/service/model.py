"""The bare model server of the cluster's tests, extended to report its requests.

It is a real llama.cpp; COST (seconds a request) and SLOTS (requests at once) simulate the card, and prompt and answer
are so short that its own work is small in comparison.
"""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.processes import Served, free_port, server
from testbed.codeintel.model_server import Handler, Model, Server

NAME = "model"
ASKED = "/asked"
SMALL = {"MOST_TOKENS": "2", "MOST_CHARS": "40"}


class Noting(Model):
    """A model that records its requests."""

    def __init__(self) -> None:
        super().__init__(NAME)
        self.asked: list[dict[str, Any]] = []

    def complete(self, messages: list[dict[str, Any]], tokens: int) -> str:
        """Complete the request as the model does, and record it."""
        self.asked.append({"messages": messages, "max_tokens": tokens})
        return super().complete(messages, tokens)


class Telling(Handler):
    """Serves the recorded requests at ASKED."""

    model: Noting

    def do_GET(self) -> None:
        """Answer as the model server does, and at ASKED."""
        if self.path == ASKED:
            self._send(json.dumps(self.model.asked))
        else:
            super().do_GET()


@contextmanager
def model_server(cost: float, slots: int) -> Iterator[Served]:
    """Run the server for the block."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.service.model", "--port", str(port)]
    with server(command, port, "/health", {**SMALL, "COST": str(cost), "SLOTS": str(slots)}) as served:
        yield served


def main() -> None:
    """Serve until terminated."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    os.sched_setaffinity(
        0, {min(os.sched_getaffinity(0))}
    )  # llama.cpp starts as many threads, which spin while they wait
    Telling.model = Noting()
    serving = Server(("127.0.0.1", parser.parse_args().port), Telling)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=serving.shutdown).start())
    serving.serve()


if __name__ == "__main__":
    main()
