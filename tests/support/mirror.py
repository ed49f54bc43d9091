"""Fixtures: a mirror's folder with the real charts, and what the platform's stacks come to with them.

Without such a folder a test is skipped, but not in CI.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testbed.pulumi.mirror import given_mirror, prepared_mirror
from testbed.pulumi.rendered import Renderer

MISSING = "MIRROR names no folder with the real charts: `python -m infra.mirror --no-images FOLDER` makes one"


@contextmanager
def needed_mirror() -> Iterator[Path]:
    """Yield a copy of the folder that MIRROR names, as the program needs it."""
    source = given_mirror()
    if source is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    with prepared_mirror(source) as folder:
        yield folder


@pytest.fixture(scope="session")
def mirror() -> Iterator[Path]:
    """Yield a copy that all tests share and none changes."""
    with needed_mirror() as folder:
        yield folder


@pytest.fixture(scope="session")
def renderer(mirror: Path) -> Renderer:
    """Return what renders stacks from that folder."""
    return Renderer(mirror)
