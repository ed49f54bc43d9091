"""The assistant's image, built by buildah and run as in a pod: unprivileged, on a read-only root, without a network."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.pulumi.versions import versions

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
FOLDER = ROOT / ".cache" / "images"
BASE = "localhost/base:test"
BUILDAH = ["--storage-driver", "vfs", "--root", str(FOLDER / "store"), "--runroot", str(FOLDER / "run")]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="images are built and run here as root")


def buildah(*arguments: str) -> str:
    done = subprocess.run(["buildah", *BUILDAH, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def image() -> Iterator[Path]:
    """Return the image's root folder, built by the script that people use."""
    subprocess.run([HERE / "base.sh", FOLDER, BASE], check=True)
    wrapper = FOLDER / "buildah"
    wrapper.write_text(f'#!/bin/sh\nexec buildah {" ".join(BUILDAH)} "$@"\n')
    wrapper.chmod(0o755)
    environment = os.environ | {"TOOL": str(wrapper), "BASE": BASE, "OPTIONS": "--isolation=chroot --quiet"}
    subprocess.run([ROOT / "platform" / "images" / "build.sh", "assistant"], env=environment, check=True)
    locked = versions().images["assistant"]
    yield Path(buildah("mount", buildah("from", f"localhost/{locked.repository}:{locked.tag}")))
    buildah("rm", "--all")


def run(image: Path, command: str) -> str:
    """Run a command in the image and return its output."""
    inside = ["unshare", "--mount", "--pid", "--fork", "--net", str(HERE / "run.sh"), str(image), command]
    done = subprocess.run(inside, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_it_indexes_and_answers_unprivileged_without_a_network(image: Path) -> None:
    packages = "$(dirname $(python -c 'import ml; print(ml.__file__)'))"
    question = "where is a secret replaced before it is indexed?"
    said = run(image, f"id -u; codeintel index --name code {packages} >/dev/null; codeintel ask --json '{question}'")
    user, answer = said.split("\n", 1)
    assert user == "65532"
    citations = json.loads(answer)["citations"]
    assert citations
    assert all(each["repo"] == "code" for each in citations)


def test_it_can_write_only_to_its_volumes(image: Path) -> None:
    said = run(
        image, "touch /data/a /tmp/a; for place in / /opt /opt/codeintel/bin /etc; do touch $place/a 2>&1 || true; done"
    )
    assert said.count("Read-only file system") == 4


def test_it_serves_and_is_ready_once_something_is_indexed(image: Path) -> None:
    ask = 'import sys, urllib.request as u; print(u.urlopen(f"http://127.0.0.1:8321/{sys.argv[1]}").status)'
    wait = f"for n in $(seq 100); do python -c '{ask}' healthz 2>/dev/null && break; sleep 0.5; done"
    index = "codeintel index --name code $(dirname $(python -c 'import ml; print(ml.__file__)'))/training >/dev/null"
    said = run(
        image,
        f"(CODEINTEL_API_KEY=k exec codeintel serve --host 0.0.0.0 >/tmp/log 2>&1) & {wait};"
        f"python -c '{ask}' readyz 2>&1 | tail -1; {index}; python -c '{ask}' readyz; kill $!",
    )
    alive, empty, ready = said.strip().split("\n")
    assert (alive, ready) == ("200", "200")
    assert "503" in empty


def test_it_contains_what_the_platform_needs(image: Path) -> None:
    assert run(
        image, "python -c 'import qdrant_client, opentelemetry.exporter.otlp.proto.http; print(1)'; git --version"
    ).startswith("1\ngit")
