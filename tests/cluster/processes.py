"""Processes that never outlive the run that started them, not even where that run is killed.

The kernel kills each with its parent (`setpriv --pdeathsig`). What a run leaves in its folder besides (network
namespaces, mounts) is taken away by the next run, which finds the folder of a process that is no more.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.cluster.errors import ClusterError

TAIL = 15


class Processes:
    """The servers of one test cluster, each with its log in `folder/logs`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str | Path, before: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        """Start a server, by `before` (nsenter and the like) where given."""
        whole = ["setpriv", "--pdeathsig", "KILL", *before, *map(str, command)]
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(whole, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self.running[name]

    def wait(self, ready: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait for a condition; raises ClusterError when a server ends meanwhile or the time is over."""
        end = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise ClusterError(f"{what} did not come within {seconds:.0f} s", f"see {self.logs}")
            time.sleep(0.05)

    def check(self) -> None:
        """Raise ClusterError, with the end of its log, where a server is no more."""
        for name, process in self.running.items():
            if process.poll() is not None:
                log = self.logs / f"{name}.log"
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL:])
                raise ClusterError(f"{name} ended with {process.returncode}:\n{tail}", f"see {log}")

    def kill(self, name: str) -> None:
        """Kill one server as a power cut would (an API server that is asked politely drains for 20 s)."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def stop(self) -> None:
        """Kill every server, the last one started first."""
        for name in reversed(list(self.running)):
            self.kill(name)


@contextmanager
def run_folder(
    parent: Path, keep: Callable[[], bool], clean: Callable[[Path], None] = lambda folder: None
) -> Iterator[Path]:
    """Yield this run a folder of its own, after `clean` of those that dead runs left.

    It goes at the end, unless `keep` says that something failed: then its logs stay until the next run.
    """
    parent.mkdir(parents=True, exist_ok=True)
    for stale in parent.iterdir():
        if not _alive(int(stale.name.split("-")[0])):
            clean(stale)
            shutil.rmtree(stale, ignore_errors=True)
    folder = _free(parent)
    try:
        yield folder
    finally:
        clean(folder)
        if keep():
            print(f"\nthe test cluster's logs are kept: {folder / 'logs'}", file=sys.stderr)
        else:
            shutil.rmtree(folder, ignore_errors=True)


def _free(parent: Path) -> Path:
    """Make the first folder PID-N that is not there; one process may run several clusters."""
    number = 0
    while True:
        folder = parent / f"{os.getpid()}-{number}"
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
