"""Fixtures: a mirror's folder with the real charts and manifests, and what the platform's stacks come to with them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.pulumi.rendered import Renderer
from tests.support.mirror import needed_mirror


@pytest.fixture(scope="session")
def mirror() -> Iterator[Path]:
    """Yield a mirror's folder that the program can use."""
    with needed_mirror() as folder:
        yield folder


@pytest.fixture(scope="session")
def renderer(mirror: Path) -> Renderer:
    return Renderer(mirror)
