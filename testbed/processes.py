"""Processes that never outlive the run that started them, even if that run is killed.

The kernel kills each with its parent (`setpriv --pdeathsig`). What else a run leaves behind (network
namespaces, mounts) is removed by the next run, which finds the folders of dead processes.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from testbed.errors import ClusterError

TAIL = 15


class Processes:
    """The processes of one test cluster, each with its log in `folder/logs`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.logs = folder / "logs"
        self.logs.mkdir(parents=True, exist_ok=True)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, *command: str | Path, before: tuple[str, ...] = ()) -> subprocess.Popen[bytes]:
        """Start a server, wrapped in `before` (nsenter and the like) if given."""
        whole = ["setpriv", "--pdeathsig", "KILL", *before, *map(str, command)]
        with (self.logs / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(whole, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        return self.running[name]

    def wait(self, ready: Callable[[], bool], what: str, seconds: float = 60) -> None:
        """Wait for a condition. Raise ClusterError if a server exits meanwhile, or on time-out."""
        end = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > end:
                raise ClusterError(f"{what} did not come within {seconds:.0f} s", f"see {self.logs}")
            time.sleep(0.05)

    def check(self) -> None:
        """Raise ClusterError, with the end of its log, if a server has exited."""
        for name, process in self.running.items():
            if process.poll() is not None:
                log = self.logs / f"{name}.log"
                tail = "\n".join(log.read_text(errors="replace").splitlines()[-TAIL:])
                raise ClusterError(f"{name} ended with {process.returncode}:\n{tail}", f"see {log}")

    def kill(self, name: str) -> None:
        """Kill one server (an API server drains for 20 s on SIGTERM)."""
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
    """Yield a folder for this run, after `clean` of those that dead runs left.

    It is removed at the end unless `keep` reports a failure: then its logs stay until the next run.
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
    """Create the first free folder PID-N; one process may run several clusters."""
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
