"""Damage the files of a store, each a little differently, and record how a reader copes."""

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
SECONDS = 60
# Reads a whole store in a process of its own, as damage may crash it; prints one line.
READ = """
import sys
from ml.errors import CodeIntelError
from ml.index.store import open_store
from ml.index.store.base import Where
from tests.support.chunks import EMBEDDER, encode_query
try:
    store = open_store(sys.argv[1], EMBEDDER.name, EMBEDDER.dimension)
    found = store.query(encode_query("anything"), Where(), 10_000)
    held = [chunk for path in store.files("r") for chunk in store.chunks("r", path)]
    texts = sorted(one.chunk.text for one in found)
    assert texts == sorted(chunk.text for chunk in held)
    print("right", len(texts))
except CodeIntelError as error:
    print("error", type(error).__name__, str(error))
"""


@dataclass(frozen=True)
class Outcome:
    """What a reader of a damaged store printed."""

    what: str
    output: str
    errors: str
    status: int

    @property
    def is_clean(self) -> bool:
        """Return whether the reader was right, or reported the damage in one line."""
        one_line = self.output.count("\n") == 1 and self.output.startswith(("right ", "error "))
        return one_line and not self.errors and self.status == 0


def damages(folder: Path, rounds: int, seed: int) -> Iterator[Outcome]:
    """Yield the outcome of reading a copy of a store with one damaged file, `rounds` times."""
    chance = random.Random(seed)
    names = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.stat().st_size)
    copy = folder.with_name("damaged")
    for number in range(rounds):
        shutil.rmtree(copy, ignore_errors=True)
        subprocess.run(["cp", "-a", "--sparse=always", folder, copy], check=True)
        name = names[number % len(names)] if rounds >= len(names) else chance.choice(names)
        yield _read(copy, f"{_damage(copy / name, chance)} {name}")


def _damage(path: Path, chance: random.Random) -> str:
    """Damage a file and return how; half the time keep its modification time, as bit rot does."""
    before = path.stat()
    kind = chance.choice(["flip", "flip", "truncate", "zero", "random", "remove", "folder", "pipe"])
    match kind:
        case "truncate":
            os.truncate(path, chance.randrange(before.st_size))
        case "remove" | "folder" | "pipe":
            path.unlink()
            if kind == "folder":
                path.mkdir()
            elif kind == "pipe":
                os.mkfifo(path)
            return kind
        case _:
            with path.open("r+b") as file:
                content = file.read(min(before.st_size, 4_096))
                at = chance.randrange(len(content))
                flipped = content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1 :]
                new = {"flip": flipped, "zero": bytes(len(content)), "random": chance.randbytes(len(content))}[kind]
                file.seek(0)
                file.write(new)
    if chance.random() < 0.5:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        return f"{kind} with its time kept"
    return kind


def _read(folder: Path, what: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-c", READ, folder], capture_output=True, text=True, check=False, cwd=ROOT, timeout=SECONDS
    )
    return Outcome(what, done.stdout, done.stderr, done.returncode)
