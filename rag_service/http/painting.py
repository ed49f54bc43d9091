"""Highlight code in a separate process, which is killed if it takes too long.

Pygments' patterns backtrack, hold the GIL and can't be interrupted: 2,000 spaces after `int ` in C take
half a second in one step, and eight times as long per doubling. So they never run in the process of the service.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import IO, Any, cast

from rag_service.http.highlight import Line, highlight_blocks, highlight_lines, plain

SECONDS = 2.0  # for all texts of a request; unfinished ones stay plain
SECONDS_TO_START = 10.0


class Painter:
    """The highlighting process, started on first use and restarted after it was killed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def lines(self, texts: Sequence[tuple[str, str, str]]) -> list[list[Line]]:
        """Return the lines of each text (text, language, path), plain if highlighting takes too long."""
        return self._ask({"texts": texts}) or [plain(text) for text, _, _ in texts]

    def blocks(self, markdown: str) -> list[list[Line]]:
        """Return the code of each fenced block of an answer, in order, plain if highlighting takes too long."""
        painted = self._ask({"markdown": markdown}) if "```" in markdown or "~~~" in markdown else []
        return highlight_blocks(markdown, lambda text, _: plain(text)) if painted is None else painted

    def close(self) -> None:
        """Stop the process."""
        with self._lock:
            self._end()

    def _ask(self, request: dict[str, Any]) -> list[list[Line]] | None:
        if not self._lock.acquire(timeout=SECONDS):
            return None
        try:
            process = self._process or self._start()
            try:
                _write(process, json.dumps(request).encode() + b"\n")
                reply = _read_line(process, time.monotonic() + SECONDS)
            except BrokenPipeError:
                reply = b""
            if not reply:
                self._end()
                return None
        finally:
            self._lock.release()
        painted: list[list[Line]] = json.loads(reply)
        return painted

    def _start(self) -> "subprocess.Popen[bytes]":
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "rag_service.http.painting"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        _read_line(self._process, time.monotonic() + SECONDS_TO_START)
        return self._process

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _write(process: "subprocess.Popen[bytes]", data: bytes) -> None:
    stdin = cast("IO[bytes]", process.stdin)
    stdin.write(data)
    stdin.flush()


def _read_line(process: "subprocess.Popen[bytes]", end: float) -> bytes:
    """Return the next line of the process's output, b"" if it does not arrive in time."""
    file, parts = cast("IO[bytes]", process.stdout).fileno(), [b""]
    with selectors.DefaultSelector() as selector:
        selector.register(file, selectors.EVENT_READ)
        while not parts[-1].endswith(b"\n"):
            part = os.read(file, 1 << 20) if selector.select(max(0.0, end - time.monotonic())) else b""
            if not part:
                return b""
            parts.append(part)
    return b"".join(parts)


def _highlight(request: dict[str, Any]) -> Iterable[list[Line]]:
    if "markdown" in request:
        return highlight_blocks(request["markdown"])
    return [highlight_lines(*text) for text in request["texts"]]


def main() -> None:
    """Answer each line of JSON on stdin with one on stdout: the main function of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service handles Ctrl+C and stops this process
    with suppress(BrokenPipeError):
        print("ready", flush=True)
        for line in sys.stdin:
            print(json.dumps(_highlight(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
