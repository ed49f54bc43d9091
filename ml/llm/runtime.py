"""llama.cpp in process: one loaded model at a time, safe to use from any number of threads."""

import os
import tempfile
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from weakref import WeakValueDictionary

from ml.errors import ModelError
from ml.llm.model import Speed
from ml.llm.models.memory import check_memory

SILENT = 0
BATCH = 512
MOST_THREADS = 8
LEAST_READ, LEAST_WRITTEN = 64, 12  # tokens, from which a speed holds
# Read and written to measure the speed: enough for figures that hold, few enough to take seconds.
PROBE = {
    "messages": [
        {"role": "user", "content": "def area(width: int, height: int) -> int:\n    return width * height\n" * 4}
    ],
    "max_tokens": 12,
    "temperature": 0,
    "ignore_eos": True,
    "cache_prompt": False,
}


class Runtime:
    """A model loaded by llama.cpp's server, which serves one request at a time; freed with its last user."""

    def __init__(self, path: str, context: int, adapter: str = "") -> None:
        import xllamacpp

        check_memory(path)
        params = xllamacpp.CommonParams()
        params.model.path = path
        params.n_ctx = context
        if adapter:
            lora = xllamacpp.CommonAdapterLoraInfo()
            lora.path, lora.scale = adapter, 1.0
            params.lora_adapters = [lora]
        params.n_batch = BATCH  # a request can be stopped between two batches only
        # Threads that spin while waiting for one another are up to 20 times slower if other work takes a core.
        params.cpuparams.n_threads = max(1, cores() // 2)
        params.cpuparams_batch.n_threads = cores()
        params.verbosity = SILENT
        params.warmup = False
        params.ui = False
        params.cache_ram_mib = 0
        params.n_threads_http = 1
        # The server always listens: use a socket that nobody can reach once its folder is gone.
        with tempfile.TemporaryDirectory() as folder:
            params.hostnames = [str(Path(folder) / "llm.sock")]
            try:
                self._server = xllamacpp.Server(params)
            except RuntimeError as error:
                what = f"{path} with the adapter {adapter}" if adapter else path
                raise ModelError(
                    f"llama.cpp can't load {what}", "set llm_model to a GGUF file that it supports"
                ) from error

    def stream(
        self, request: dict[str, Any], timeout: float, measured: Callable[[Speed], None] | None = None
    ) -> Iterator[str]:
        """Yield the reply's text in parts; `request` is in OpenAI's format. Closing the iterator stops the model.

        `measured` is told the speed, once the reply is long enough for figures that hold.
        Raise ModelError if llama.cpp rejects the request, or `timeout` seconds pass without a part.
        """
        with closing(self._parts(request | {"timings_per_token": True}, timeout)) as parts:
            for part in parts:
                yield _text(part)
                if measured and (speed := _speed(part)):
                    measured(speed)
                    measured = None

    def measure(self, timeout: float) -> Speed:
        """Measure the speed by a short prompt and reply: a few seconds. Raise ModelError as `stream` does."""
        found: list[Speed] = []
        for _ in self.stream(PROBE, timeout, found.append):
            pass
        return found[0]

    def _parts(self, request: dict[str, Any], timeout: float) -> Generator[dict[str, Any]]:
        parts: SimpleQueue[dict[str, Any] | None] = SimpleQueue()
        stopped = threading.Event()

        def receive(part: dict[str, Any]) -> bool:
            parts.put(part)
            return stopped.is_set()

        def complete() -> None:
            try:
                self._server.handle_chat_completions({**request, "stream": True}, receive)
            finally:
                parts.put(None)

        # Not a daemon: the interpreter must not shut down while llama.cpp still calls into it.
        threading.Thread(target=complete, name="llm").start()
        try:
            while (part := _next(parts, timeout)) is not None:
                yield part
        finally:
            stopped.set()


def cores() -> int:
    """Return the number of cores to use, at most MOST_THREADS: beyond that memory bandwidth is the limit."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, MOST_THREADS)


def _next(parts: "SimpleQueue[dict[str, Any] | None]", timeout: float) -> dict[str, Any] | None:
    try:
        return parts.get(timeout=timeout)
    except Empty:
        raise ModelError(f"no token within {timeout:g} s", "increase llm_timeout, or use a smaller model") from None


def _speed(part: dict[str, Any]) -> Speed | None:
    """Return the speed that the last part of a reply tells, None for other parts and for replies too short to tell."""
    timings = part.get("timings") or {}
    if timings.get("prompt_n", 0) < LEAST_READ or timings.get("predicted_n", 0) < LEAST_WRITTEN:
        return None
    return Speed(round(timings["prompt_per_second"], 1), round(timings["predicted_per_second"], 1))


def _text(part: dict[str, Any]) -> str:
    if "error" in part:
        raise ModelError(f"llama.cpp says: {part['error'].get('message')}", "ask a shorter question")
    return "".join(choice["delta"].get("content") or "" for choice in part["choices"])


_loading = threading.Lock()
_alive: "WeakValueDictionary[tuple[str, int, str], Runtime]" = WeakValueDictionary()
_kept: dict[tuple[str, int], Runtime] = {}


def runtime(path: str, context: int, adapter: str = "") -> Runtime:
    """Return the process's runtime of a model, with an adapter or without (""), loading it if necessary.

    The runtime requested last stays loaded; another is freed once its running answers have finished.
    """
    with _loading:
        found = _alive.get((path, context, adapter)) or Runtime(path, context, adapter)
        _alive[path, context, adapter] = _kept[path, context] = found
        return found
