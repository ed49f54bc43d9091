"""Worker processes that end with the run: by Ctrl-C, when one of them dies, and when the caller is killed.

An item that takes too long is left out: the kernel ends the worker by a timer of its processor time, the only thing that
stops a call into a C library for certain, and another worker takes what is left.

Each has a pipe of its own, whose other end nobody else holds: one that is killed, even half-way through a result, is seen
at once. (`ProcessPoolExecutor` has one pipe for all results and holds both of its ends: it would wait for the rest for ever.)
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
# Tasks given out per worker before their results are taken: enough to keep it busy, few enough to bound memory.
AHEAD = 3


def run_in_workers(
    work: Callable[[Item], Result],
    tasks: Iterable[Sequence[Item]],
    workers: int,
    too_slow: Callable[[Item], Result],
    seconds: float,
) -> Iterator[Result]:
    """Yield the result of each item of each task in their order, `too_slow(item)` for one that takes over `seconds`.

    Raise what the work raises of ours, and CodeIntelError when a worker dies of anything else.
    """
    pool = _Workers(work, too_slow, seconds)
    waiting: deque[Future[list[Result]]] = deque()
    # A thread a worker: it hands over a task and waits for the result.
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
    """The processes, started as they are needed. `run` may be called from several threads, each for a worker of its own."""

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
        """Return what workers make of a task's items; raise what the work raises, or CodeIntelError where one dies."""
        made: list[Result] = []
        while len(made) < len(task):
            worker = self._take()
            try:
                worker.send(task[len(made) :])
                while len(made) < len(task):
                    made.append(self._received(worker))
            except (EOFError, OSError) as error:
                if not self._was_stopped(worker):
                    raise self._ended(worker) from error
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
        """Tell whether it was the timer that ended a worker."""
        process = self._processes[worker]
        process.join()
        return bool(process.exitcode == -signal.SIGPROF)

    def stop(self) -> None:
        """End every worker, whatever it does."""
        with self._starting:
            self._stopped = True
            for process in self._processes.values():
                process.kill()
            for process in self._processes.values():
                process.join()

    def _ended(self, worker: Connection) -> CodeIntelError:
        """Return why a worker may have ended: killed from outside, or by an error whose traceback it has printed."""
        process = self._processes[worker]
        if process.exitcode > 0:
            return CodeIntelError(
                "a process that reads files failed with the error above", "report it together with that error"
            )
        return CodeIntelError(
            "a process that reads files was killed, most likely because memory ran out",
            "run the same command again with fewer of them: CODEINTEL_WORKERS=1",
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
            resource_tracker.ensure_running()  # its start, in the midst of a worker's, would unblock what is blocked here
            with _interrupts_blocked():
                process.start()
            self._processes[ours] = process
        return ours


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Let the workers that are started within inherit a blocked Ctrl-C: it is for the caller, who ends them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(caller: Connection, work: Callable[[Any], object], seconds: float) -> None:
    """Work on one task after the other, in the worker's process, which any other error than ours ends, with its traceback."""
    threading.Thread(target=_end_with_caller, daemon=True).start()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # which ends the process, whatever it does
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
