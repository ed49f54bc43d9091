"""`pulumi destroy`, after the other tests of this folder."""

import tarfile
from collections.abc import Iterator
from pathlib import Path

import yaml

from testbed.codeintel.checks import everything
from tests.cluster.install.conftest import Installed


def test_a_destroy_leaves_only_the_definitions_that_helm_never_removes(installed: Installed) -> None:
    run = installed.stack.destroy()
    assert run.counts.keys() == {"delete"}
    left = {(kind, name) for kind, _, _, name in everything(installed.api) - installed.before}
    assert left == {("CustomResourceDefinition", name) for name in _in_crds_folders(installed.mirror / "charts")}


def _in_crds_folders(charts: Path) -> Iterator[str]:
    """Yield the definitions in the folder `crds` of a chart, which Helm installs once and leaves alone afterwards."""
    for chart in charts.iterdir():
        with tarfile.open(chart) as packed:
            for each in packed.getmembers():
                if "/crds/" in each.name and each.name.endswith(".yaml") and (file := packed.extractfile(each)):
                    yield from (thing["metadata"]["name"] for thing in yaml.safe_load_all(file) if thing)
