"""Fixtures: a mirror's folder with the real charts, what the platform's stacks come to with them, and servers."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.mirror import mirror, renderer
from tests.support.stores import Postgres

__all__ = ["mirror", "renderer"]


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
