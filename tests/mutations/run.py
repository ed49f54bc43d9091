"""One copy of the working tree, in which fixes are taken back, one after another."""

import os
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.mutations.table import Fault
from tests.support.tree import ROOT, copy_tree

SHARED = (".venv", ".cache")  # what tests run with, and what they build
FAILED = 1  # pytest's exit code for a failed test; others mean that it could not run


class Outcome(StrEnum):
    """What became of a fault."""

    KILLED = "killed"
    SURVIVED = "survived"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a fault, after how many seconds, and what pytest said."""

    fault: Fault
    outcome: Outcome
    seconds: float
    said: str


class Copy:
    """A copy of the working tree, with the environment and the caches of the original."""

    def __init__(self, folder: Path, root: Path = ROOT) -> None:
        self.folder = folder
        copy_tree(folder, root)
        for name in SHARED:
            if (root / name).is_dir():
                (folder / name).symlink_to(root / name)

    def test(self, tests: Iterable[str]) -> tuple[int, str]:
        """Run tests here; return pytest's exit code and output."""
        # A file may be as large and as old with a fix as without it, and Python would take one's bytecode for the other's.
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": str(self.folder)}
        command = [sys.executable, "-m", "pytest", "-x", "-m", "", "--timeout=900", *tests]
        done = subprocess.run(
            command, cwd=self.folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return done.returncode, done.stdout

    def judge(self, fault: Fault) -> Result:
        """Take one fix back, run its test, and put the fix in again."""
        began, file = time.monotonic(), self.folder / fault.file
        text = file.read_text()
        if text.count(fault.with_fix) != 1:
            return Result(fault, Outcome.BROKEN, 0.0, f"{fault.file} does not have the text once: mend the table")
        file.write_text(text.replace(fault.with_fix, fault.without))
        try:
            code, said = self.test([fault.test])
        finally:
            file.write_text(text)
        outcome = {0: Outcome.SURVIVED, FAILED: Outcome.KILLED}.get(code, Outcome.BROKEN)
        return Result(fault, outcome, time.monotonic() - began, said)
