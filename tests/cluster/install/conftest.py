"""Fixtures: the stack `gpu`, installed by Pulumi's engine on a cluster of its own, once for all tests in this folder."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from testbed.codeintel.checks import Keys, everything
from testbed.codeintel.install_cluster import install_cluster
from testbed.kubernetes.api import Api, Object
from testbed.pulumi.engine import Run, Stack
from testbed.pulumi.mirror import at_version, locked_by
from testbed.pulumi.rendered import stack_config
from tests.cluster.conftest import given_kubeconfig, run_of

CHART, PREVIOUS = "cert-manager", "v1.20.0"
ASSISTANT = {"repositories": ["https://git.example/team/code.git"]}


@dataclass
class Installed:
    """The platform on its cluster, with one chart at its previous version, and what was there before."""

    api: Api
    stack: Stack
    mirror: Path
    before: Keys
    foreseen: Run = field(default_factory=Run)
    first: Run = field(default_factory=Run)
    objects: list[Object] = field(default_factory=list)

    def configure(self, **sections: Any) -> None:
        """Write the settings of the stack `gpu`, with some sections changed."""
        changed = {f"codeintel:{name}": section for name, section in {"assistant": ASSISTANT, **sections}.items()}
        self.stack.configure({**stack_config("gpu"), "codeintel:mirror": {"folder": str(self.mirror)}, **changed})

    def up(self) -> None:
        """Preview and install everything; keep what was done and the objects that the state names."""
        self.foreseen, self.first = self.stack.preview(), self.stack.up()
        outputs = [each.get("outputs", {}) for each in self.stack.resources]
        self.objects = [each for each in outputs if "kind" in each and "metadata" in each]

    def live(self, kind: str, name: str) -> Object:
        """Return the live object of one that the program or a manifest made."""
        made = next(each for each in self.objects if each["kind"] == kind and each["metadata"]["name"] == name)
        found = self.api.get(made)
        assert found, f"{kind} {name} is gone"
        return found


@pytest.fixture(scope="package")
def installed(request: pytest.FixtureRequest, mirror: Path) -> Iterator[Installed]:
    if given_kubeconfig():
        pytest.skip("the platform is installed only on a cluster that was started here, without KUBECONFIG_TEST")
    with (
        locked_by(mirror),
        run_of(request.session) as folder,
        install_cluster(folder) as api,
    ):
        made = Installed(api, Stack(folder / "stack", api.kubeconfig), mirror, everything(api))
        made.configure()
        with at_version(mirror, CHART, PREVIOUS):
            made.up()
            yield made


@pytest.fixture(scope="package")
def api(installed: Installed) -> Api:
    return installed.api
