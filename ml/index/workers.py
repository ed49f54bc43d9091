"""Worker processes that never outlive the run: they exit on Ctrl-C, when one of them dies, and when the parent is killed.

An item that takes too long is skipped: a CPU-time timer in the kernel kills the worker, the only reliable way to stop a
call into a C library, and another worker takes over the remaining items.

Each worker has a pipe that it shares with the parent alone, so a kill is noticed at once, even in the middle of a result.
(`ProcessPoolExecutor` has one pipe for all results and keeps both ends open: it would wait for the rest forever.)
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from ml.errors import CodeIntelError

Item = TypeVar("Item")
Result = TypeVar("Result")
# Tasks submitted per worker before their results are consumed: enough to keep it busy, few enough to bound memory.
AHEAD = 3


def run_in_workers(
    work: Callable[[Item], Result],
    tasks: Iterable[Sequence[Item]],
    workers: int,
    too_slow: Callable[[Item], Result],
    seconds: float,
) -> Iterator[Result]:
    """Yield the result of each item of each task in order, or `too_slow(item)` if it takes more than `seconds`.

    Raise the work's own CodeIntelError, or a new one if a worker dies of anything else.
    """
    pool = _Workers(work, too_slow, seconds)
    waiting: deque[Future[list[Result]]] = deque()
    # One thread per worker sends it a task and waits for the result.
    with ThreadPoolExecutor(workers) as threads:
        try:
            for task in tasks:
                waiting.append(threads.submit(pool.run, task))
                if len(waiting) >= AHEAD * workers:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            pool.stop()


class _Workers(Generic[Item, Result]):
    """The processes, started on demand. `run` may be called from several threads, each of which gets its own worker."""

    def __init__(self, work: Callable[[Item], Result], too_slow: Callable[[Item], Result], seconds: float) -> None:
        self._work = work
        self._too_slow = too_slow
        self._seconds = seconds
        self._context = multiprocessing.get_context("spawn")
        self._idle: SimpleQueue[Connection] = SimpleQueue()
        self._processes: dict[Connection, Any] = {}
        self._starting = threading.Lock()
        self._stopped = False

    def run(self, task: Sequence[Item]) -> list[Result]:
        """Return the results of a task's items. Raise the work's error, or CodeIntelError if a worker dies."""
        made: list[Result] = []
        while len(made) < len(task):
            worker = self._take()
            try:
                worker.send(task[len(made) :])
                while len(made) < len(task):
                    made.append(self._received(worker))
            except (EOFError, OSError) as error:
                if not self._was_stopped(worker):
                    raise self._worker_error(worker) from error
                made.append(self._too_slow(task[len(made)]))
            else:
                self._idle.put(worker)
        return made

    def _received(self, worker: Connection) -> Result:
        is_result, made = worker.recv()
        if not is_result:
            self._idle.put(worker)
            raise made
        result: Result = made
        return result

    def _was_stopped(self, worker: Connection) -> bool:
        """Return whether the timer killed a worker."""
        process = self._processes[worker]
        process.join()
        return bool(process.exitcode == -signal.SIGPROF)

    def stop(self) -> None:
        """Kill every worker."""
        with self._starting:
            self._stopped = True
            for process in self._processes.values():
                process.kill()
            for process in self._processes.values():
                process.join()

    def _worker_error(self, worker: Connection) -> CodeIntelError:
        """Return the error for a dead worker: killed from outside, or after an error whose traceback it printed."""
        process = self._processes[worker]
        if process.exitcode > 0:
            return CodeIntelError("a worker process failed with the error above", "report it with that error")
        return CodeIntelError(
            "a worker process was killed, most likely because memory ran out",
            "run the command again with fewer workers: CODEINTEL_WORKERS=1",
        )

    def _take(self) -> Connection:
        try:
            return self._idle.get_nowait()
        except Empty:
            return self._start()

    def _start(self) -> Connection:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._work, self._seconds), daemon=True)
        with self._starting, theirs:
            if self._stopped:
                raise CancelledError
            # Started together with a worker, it would unblock the signal that is blocked here.
            resource_tracker.ensure_running()
            with _block_interrupts():
                process.start()
            self._processes[ours] = process
        return ours


@contextmanager
def _block_interrupts() -> Iterator[None]:
    """Block Ctrl-C in workers that are started in this context: the parent handles it and stops them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(caller: Connection, work: Callable[[Any], object], seconds: float) -> None:
    """Process tasks in a worker; any error but CodeIntelError ends it with a traceback."""
    threading.Thread(target=_end_with_caller, daemon=True).start()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # which kills the process, whatever it does
    while True:
        task = caller.recv()
        try:
            for item in task:
                signal.setitimer(signal.ITIMER_PROF, seconds)
                made = work(item)
                signal.setitimer(signal.ITIMER_PROF, 0)
                caller.send((True, made))
        except CodeIntelError as error:
            signal.setitimer(signal.ITIMER_PROF, 0)
            caller.send((False, error))


def _end_with_caller() -> None:
    caller = multiprocessing.parent_process()
    if caller is not None:
        wait([caller.sentinel])
        os._exit(1)
