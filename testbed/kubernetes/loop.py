"""Controllers of the tests: functions that are called again and again, in a thread, until they are stopped."""

import threading
from collections.abc import Callable, Sequence

from testbed.kubernetes.api import RefusedError

PAUSE = 0.3


class Loop:
    """Calls each step in turn. What the API server refuses (the object is gone, or newer) is tried again."""

    def __init__(self, steps: Sequence[Callable[[], None]]) -> None:
        self.steps = steps
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread after its current step."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(PAUSE):
            for step in self.steps:
                try:
                    step()
                except RefusedError:
                    continue
