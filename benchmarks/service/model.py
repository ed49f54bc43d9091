"""The bare model server: that of the cluster's tests, which tells what it was asked.

It is a real llama.cpp; COST (seconds a request) and SLOTS (requests at once) stand for the card, and so short are prompt and
answer that its own work is small beside them.
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
from tests.cluster.model_server import Handler, Model, Server

NAME = "model"
ASKED = "/asked"
SMALL = {"MOST_TOKENS": "2", "MOST_CHARS": "40"}


class Noting(Model):
    """A model that notes what it is asked."""

    def __init__(self) -> None:
        super().__init__(NAME)
        self.asked: list[dict[str, Any]] = []

    def complete(self, messages: list[dict[str, Any]], tokens: int) -> str:
        """Answers as the model does."""
        self.asked.append({"messages": messages, "max_tokens": tokens})
        return super().complete(messages, tokens)


class Telling(Handler):
    """Gives at ASKED what was asked so far."""

    model: Noting

    def do_GET(self) -> None:  # noqa: N802  # the base class's name
        """Answers as the model server does, and at ASKED."""
        if self.path == ASKED:
            self._send(json.dumps(self.model.asked))
        else:
            super().do_GET()


@contextmanager
def model_server(cost: float, slots: int) -> Iterator[Served]:
    """Run it until the block ends."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.service.model", "--port", str(port)]
    with server(command, port, "/health", {**SMALL, "COST": str(cost), "SLOTS": str(slots)}) as served:
        yield served


def main() -> None:
    """Serve until it is told to end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # llama.cpp takes as many threads; they spin as they wait
    Telling.model = Noting()
    serving = Server(("127.0.0.1", parser.parse_args().port), Telling)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=serving.shutdown).start())
    serving.serve()


if __name__ == "__main__":
    main()
