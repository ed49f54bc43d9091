"""The platform's stores as real servers: Debian's Postgres, and SeaweedFS with its container's flags."""

import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

WEED = Path(__file__).parents[2] / ".cache" / "seaweedfs" / "bin" / "weed"
POSTGRES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until a condition holds, and fail after so many seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"no {what} after {seconds} s"
        time.sleep(0.2)


@contextmanager
def run_seaweed(folder: Path, identities: str) -> Iterator[str]:
    """Run SeaweedFS on a folder with an identities file; yield its address."""
    port, master, volume, filer = (free_port() for _ in range(4))
    (folder / "s3.json").write_text(identities)
    command = [str(WEED), "server", f"-dir={folder}", "-ip=127.0.0.1", "-s3", f"-s3.port={port}"]
    command += [f"-s3.config={folder}/s3.json", f"-master.port={master}", f"-volume.port={volume}"]
    command += [f"-filer.port={filer}", "-volume.max=0", "-master.volumeSizeLimitMB=64", "-master.telemetry=false"]
    command += [f"-{part}.port.grpc={free_port()}" for part in ("master", "volume", "filer", "s3")]
    with (folder / "log").open("w") as log, subprocess.Popen(command, stdout=log, stderr=log) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(lambda: _healthy(address), "answer of SeaweedFS")
            yield address
        finally:
            server.kill()


def _healthy(address: str) -> bool:
    """Query the endpoint of the container's probes."""
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=1) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


class Postgres:
    """A Postgres of Debian's packages in a folder of its own, run by `postgres` as it refuses to run as root."""

    def __init__(self, folder: Path) -> None:
        assert POSTGRES, "Postgres' programs are not there: `apt-get install postgresql`"
        self.folder, self.port, self.programs = folder, free_port(), POSTGRES[-1].parent

    def run(self, *command: str, password: str = "admin") -> str:
        """Run a command beside the data, and return what it prints; fail with its errors."""
        environment = {
            "PATH": f"{self.programs}:{os.environ['PATH']}",
            "PGDATA": "data",
            "PGHOST": str(self.folder),
            "PGPORT": str(self.port),
            "PGPASSWORD": password,
            "LC_ALL": "C.UTF-8",
        }
        user = {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, cwd=self.folder, **user)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr
        return str(done.stdout)

    def sql(self, statement: str, database: str = "postgres", user: str = "postgres", password: str = "admin") -> str:
        """Run a statement over TCP, as other pods do."""
        place = ["--host=127.0.0.1", f"--username={user}", f"--dbname={database}"]
        return self.run("psql", *place, "-v", "ON_ERROR_STOP=1", "-tAc", statement, password=password).strip()

    def make(self) -> None:
        """Make an empty volume, with the settings of the container."""
        (self.folder / "password").write_text("admin")
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        self.run("initdb", "--auth-host=scram-sha-256", "--pwfile=password", "-U", "postgres")
        settings = [f"port = {self.port}", "listen_addresses = '127.0.0.1'"]
        settings.append(f"unix_socket_directories = '{self.folder}'")
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.write("\n".join([*settings, ""]))

    def start(self) -> None:
        """Start the server on its volume."""
        self.run("pg_ctl", "-w", "-l", "log", "start")

    def running(self) -> bool:
        """Return whether a server has the volume."""
        return (self.folder / "data" / "postmaster.pid").exists()

    def stop(self) -> None:
        """End the server as a lost machine would."""
        self.run("pg_ctl", "-m", "immediate", "stop")
