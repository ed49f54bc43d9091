"""The mirror's folder that a test needs; without one the test is skipped, but not in CI."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from testbed.pulumi.mirror import given_mirror, prepared_mirror

MISSING = "MIRROR names no folder with the real charts: `python -m infra.mirror --no-images FOLDER` makes one"


@contextmanager
def needed_mirror() -> Iterator[Path]:
    """Yield the folder that MIRROR names, as the program needs it."""
    source = given_mirror()
    if source is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(MISSING)
    with prepared_mirror(source) as folder:
        yield folder
