"""Servers that several of these tests need."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.stores import Postgres


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
