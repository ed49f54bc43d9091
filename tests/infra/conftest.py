"""Fixtures: a mirror's folder with the real charts and manifests, what the platform's stacks come to with them, Postgres."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from testbed.pulumi.rendered import Renderer
from tests.support.mirror import needed_mirror
from tests.support.stores import Postgres


@pytest.fixture(scope="session")
def mirror() -> Iterator[Path]:
    """Yield a mirror's folder that the program can use."""
    with needed_mirror() as folder:
        yield folder


@pytest.fixture(scope="session")
def renderer(mirror: Path) -> Renderer:
    return Renderer(mirror)


@pytest.fixture
def postgres() -> Iterator[Callable[[], Postgres]]:
    """Return a function that makes and starts a Postgres; they end with the test."""
    made: list[Postgres] = []

    def start() -> Postgres:
        made.append(Postgres(Path(tempfile.mkdtemp(dir="/tmp"))))  # where the user postgres may go
        made[-1].make()
        made[-1].start()
        return made[-1]

    yield start
    for each in made:
        if each.running():
            each.stop()
        shutil.rmtree(each.folder)
