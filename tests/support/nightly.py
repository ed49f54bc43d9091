"""Cases of one kind: the suite tries one of them each time, and .ci/nightly the others."""

from collections.abc import Iterable

import pytest
from _pytest.mark import ParameterSet


def mostly_nightly(names: Iterable[str], always: str) -> list[ParameterSet]:
    """Return parameters, all of which are marked `nightly` but for one."""
    return [pytest.param(name, marks=[] if name == always else [pytest.mark.nightly]) for name in names]
