"""The process that builds a new shard: `python -m ml.index.store.embedded.build_shard TARGET` prints checksums as JSON.

It is a separate process because the engine writes through memory maps: on a full disk the kernel kills the writing
process (SIGBUS), and a damaged file may make the engine panic. Neither affects the caller.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import IO, cast

from ml import errors
from ml.errors import CodeIntelError, StoreError
from ml.index.store.embedded.files import Checksum, checksums, disk_errors, disk_full, sync_tree
from ml.index.store.embedded.manifest import corrupt_index
from ml.private import create_private, creation_mask

JOB = "job.json"


@dataclass(frozen=True, slots=True)
class Job:
    """What to build: a copy of `base` ("" for none) without the points of `stale` files, plus the staged ones."""

    folder: str
    target: str
    dimension: int
    repo: str
    base: str
    base_files: list[str]
    stale: list[str]
    staging: str
    chunks: int


def build_shard(job: Job) -> dict[str, Checksum]:
    """Run a job in a separate process and return the checksums of the shard's files.

    Raise StoreFullError, StoreCorruptError or StoreError; the caller must then remove the target folder.
    """
    with os.fdopen(create_private(Path(job.target) / JOB), "w", encoding="utf-8") as file:
        json.dump(asdict(job), file)
    command = [
        sys.executable,
        "-P",
        "-m",
        "ml.index.store.embedded.build_shard",
        job.target,
    ]  # -P: no modules from the working directory
    # A new session: Ctrl-C in a terminal reaches only the caller, which then kills this process.
    with subprocess.Popen(command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True) as process:
        try:
            answer = cast("IO[bytes]", process.stdout).read()
            process.wait()
        finally:
            process.kill()
    return _result(Path(job.folder), process.returncode, answer)


def _result(folder: Path, status: int, answer: bytes) -> dict[str, Checksum]:
    if status == 0:
        return {name: Checksum(*values) for name, values in json.loads(answer).items()}
    if status == 1 and answer:
        failure = json.loads(answer)
        raise getattr(errors, failure["kind"])(failure["cause"], failure["cure"])
    if status == -signal.SIGBUS:
        raise disk_full(folder)
    raise StoreError(
        f"the process that builds the index at {folder} exited with status {status}",
        "check whether memory ran out, then run the command again",
    )


def run(job: Job) -> dict[str, Checksum]:
    """Run the job in this process."""
    from ml.index.store.embedded.shard import Shard, copy_shard
    from ml.index.store.embedded.staging import staged_chunks

    target, folder = Path(job.target), Path(job.folder)
    with disk_errors(folder):
        if job.base:
            copy_shard(Path(job.base), target, job.base_files)
        shard = Shard.load(target, folder) if job.base else Shard.create(target, folder, job.dimension)
        if job.base and job.stale:
            shard.delete(job.repo, job.stale)
        if job.staging:
            shard.insert(staged_chunks(Path(job.staging)))
        if shard.count() != job.chunks:
            raise corrupt_index(folder, f"{shard.count()} chunks instead of {job.chunks}")
        shard.finish()
        Shard.load(target, folder).finish()  # the first opening compacts the journals; further openings change nothing
        sync_tree(target)
        return checksums(target)


def end_with_caller() -> None:
    """Exit as soon as the parent process, which holds the other end of stdin, is gone."""

    def watch() -> None:
        os.read(0, 1)  # blocks until the other end is closed
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main() -> int:
    """Run the job described in the target folder; print the checksums or the error."""
    end_with_caller()
    os.umask(creation_mask(Path(sys.argv[1])))
    file = Path(sys.argv[1]) / JOB
    job = Job(**json.loads(file.read_text(encoding="utf-8")))
    file.unlink()
    try:
        made = run(job)
    except CodeIntelError as error:
        print(json.dumps({"kind": type(error).__name__, "cause": error.cause, "cure": error.cure}))
        return 1
    print(json.dumps({name: [sum_.size, sum_.changed, sum_.crc] for name, sum_ in made.items()}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
