"""Run `codeintel` as its users do and measure it from outside."""

import json
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psutil

from benchmarks.processes import CODEINTEL

SAMPLE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Run:
    """A finished process: wall seconds, peak memory with children in bytes, output."""

    seconds: float
    peak_bytes: int
    output: str

    def json(self) -> Any:
        """Return what it printed as JSON."""
        return json.loads(self.output)


def run(arguments: Sequence[str]) -> Run:
    """Run a command to its end. Raise CalledProcessError if it fails."""
    start = time.perf_counter()
    process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = _Peak(process.pid)
    output, errors = process.communicate()
    seconds = time.perf_counter() - start
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(arguments), output, errors)
    return Run(seconds, peak.stop(), output)


def codeintel(*arguments: str) -> Run:
    """Run the installed `codeintel`."""
    return run((CODEINTEL, *arguments))


class _Peak:
    """Samples the memory of a process and its children: proportional shares, so that shared pages count once."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._bytes = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._ended.set()
        self._thread.join()
        return self._bytes

    def _sample(self) -> None:
        while not self._ended.wait(SAMPLE_SECONDS):
            try:
                parent = psutil.Process(self._pid)
                family = [parent, *parent.children(recursive=True)]
                self._bytes = max(self._bytes, sum(one.memory_full_info().pss for one in family))
            except psutil.Error:
                continue
