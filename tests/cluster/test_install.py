"""The whole platform by Pulumi's own engine and provider, from the real charts: what `pulumi up` does on a new cluster."""

import shutil
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from infra.pulumi.versions import versions
from testbed.codeintel.checks import Keys, everything
from testbed.codeintel.install_cluster import install_cluster, troubles
from testbed.kubernetes.api import Api
from testbed.pulumi.engine import Run, Stack
from testbed.pulumi.mirror import changed_lock
from testbed.pulumi.rendered import stack_config
from tests.cluster.conftest import given_kubeconfig, run_of
from tests.support.mirror import needed_mirror

UPGRADED, PREVIOUS = "cert-manager", "v1.21.0"


@dataclass
class Installed:
    """A cluster with the platform on it, and what each run of the engine did."""

    api: Api
    stack: Stack
    config: dict[str, Any]
    before: Keys
    runs: dict[str, Run] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def run(self, operation: str) -> Run:
        """Run one of the engine's operations and keep what it did."""
        begun = time.monotonic()
        self.runs[operation] = getattr(self.stack, operation)()
        self.seconds[operation] = time.monotonic() - begun
        return self.runs[operation]
