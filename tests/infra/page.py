"""Run the commands of docs/platform.md as a reader would: in order, in one shell, in a copy of the repository.

What is not here (a hypervisor, a registry, a cluster, a card) has a double on the PATH: page_doubles.py.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from testbed.build import binary
from tests.infra.build import tool
from tests.infra.page_doubles import DOUBLES, IN_VENV, PULUMI, TOFU, WORLD, World
from tests.support.tree import ROOT, copy_tree

BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"\s+# .*$")
IN_BACKGROUND = re.compile(r"(?<!&)&$")
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNvZGVpbnRlbGNvZGVpbnRlbGNvZGVpbnRlbGNvZGU reader@desk"
# What the page asks the reader to fill in, after the command that asks for it.
READER = {
    "cp terraform.tfvars.example terraform.tfvars": f"sed -i 's|ssh-ed25519 AAAA… you@desk|{KEY}|' terraform.tfvars"
    " && touch image.img && echo 'image = \"image.img\"' >> terraform.tfvars",
}


def commands(page: Path) -> list[str]:
    """Return the commands of a page's blocks of shell, in their order, without comments."""
    lines = (COMMENT.sub("", line).strip() for block in BLOCK.findall(page.read_text()) for line in block.splitlines())
    return [line for line in lines if line]


@dataclass(frozen=True)
class Outcome:
    """How far a reader came."""

    refused: list[str]  # what the doubles refused
    broken: str  # the command that failed, or nothing
    output: str


class Reader:
    """A shell in a copy of the repository, with an empty home."""

    def __init__(self, folder: Path) -> None:
        self.project, self.home, self.doubles = folder / "project", folder / "home", folder / "bin"
        self.world = World(folder / "world")
        for each in (self.home, self.doubles, self.world.folder):
            each.mkdir(parents=True)
        copy_tree(self.project)
        self._install(self.doubles, set(DOUBLES) - IN_VENV)
        self._venv()

    def _install(self, folder: Path, names: Iterable[str]) -> None:
        for name in names:
            script = folder / name
            script.write_text(
                f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -P -m {World.__module__} {name} "$@"\n'
            )
            script.chmod(0o755)
        (self.doubles / "python3").unlink(missing_ok=True)
        (self.doubles / "python3").symlink_to(sys.executable)

    def _venv(self) -> None:
        """Make a virtual environment that is complete, so that `make setup-…` has nothing to install."""
        venv = self.project / ".venv"
        (venv / "bin").mkdir(parents=True)
        self._install(venv / "bin", IN_VENV)
        (venv / "bin" / "activate").write_text(f'export PATH="{venv}/bin:$PATH"\n')
        for group in ("runtime", "dev", "ml", "platform", "proof"):
            (venv / f".{group}").touch()

    def follow(self, lines: Iterable[str]) -> Outcome:
        """Run the lines one after another until one fails; what earlier ones left behind is still there."""
        for fact in ("refused", "broken"):
            (self.world.folder / fact).unlink(missing_ok=True)
        script = ["set -u", 'broken() { printf "%s" "$1" > "$PAGE_WORLD/broken"; exit 1; }']
        for line in lines:
            here = line.replace("/srv/mirror", str(self.home / "mirror"))
            script += [_checked(here), *([READER[line]] if line in READER else [])]
        done = subprocess.run(
            ["bash", "-c", "\n".join(script)],
            cwd=self.project,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return Outcome(self.world.facts("refused"), "".join(self.world.facts("broken")), done.stdout)

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": f"{self.doubles}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            WORLD: str(self.world.folder),
            TOFU: str(tool("tofu")),
            PULUMI: str(shutil.which("pulumi") or binary("pulumi")),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }


def _checked(line: str) -> str:
    """Return a command that names itself if it fails; one in the background is awaited, as its double ends at once."""
    quoted = line.replace("'", "'\\''")
    running = IN_BACKGROUND.sub("& wait $!", line)
    return f"{running} || broken '{quoted}'"
