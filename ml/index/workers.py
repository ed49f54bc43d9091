"""Worker processes that end with the run: by Ctrl-C, when one of them dies, and when the caller is killed."""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
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
            with _interrupts_blocked():
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


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Lets the workers that are started within inherit a blocked Ctrl-C: it is for the caller, who ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    threading.Thread(target=_end_with_caller, daemon=True).start()


def _end_with_caller() -> None:
    caller = multiprocessing.parent_process()
    if caller is not None:
        wait([caller.sentinel])
        os._exit(1)
