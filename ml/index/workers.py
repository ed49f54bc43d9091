"""Worker processes that end with the run: by Ctrl-C, when one of them dies, and when the caller is killed."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait
from typing import TypeVar

from ml.errors import CodeIntelError

Task = TypeVar("Task")
Result = TypeVar("Result")
# Tasks given out per worker before their results are taken: enough to keep it busy, few enough to bound memory.
AHEAD = 3


def run_in_workers(work: Callable[[Task], Result], tasks: Iterable[Task], workers: int) -> Iterator[Result]:
    """Gives the results in the order of the tasks. Raises CodeIntelError when a worker dies."""
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _begin)
    waiting: deque[Future[Result]] = deque()
    try:
        for task in tasks:
            waiting.append(executor.submit(work, task))
            if len(waiting) >= AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    except BrokenProcessPool as error:
        raise CodeIntelError(
            "a process that reads files ended unexpectedly, most likely because memory ran out",
            "run the same command again with fewer of them: CODEINTEL_WORKERS=1",
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the caller, who ends the workers
    threading.Thread(target=_end_with_caller, daemon=True).start()


def _end_with_caller() -> None:
    caller = multiprocessing.parent_process()
    if caller is not None:
        wait([caller.sentinel])
        os._exit(1)
