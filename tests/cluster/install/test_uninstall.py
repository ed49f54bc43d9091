"""`pulumi destroy`, after the other tests of this folder."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from testbed.codeintel.checks import everything
from testbed.controllers.charts import HELM
from testbed.errors import ClusterError
from testbed.kubernetes.manifests import read_objects
from tests.cluster.install.conftest import Installed


def test_what_holds_data_is_deleted_only_once_the_setting_allows_it(installed: Installed) -> None:
    with pytest.raises(ClusterError, match="protected"):
        installed.stack.preview_destroy()
    installed.configure(protect="false")
    installed.stack.up()
    assert installed.stack.preview_destroy().counts.keys() == {"delete"}


def test_a_destroy_leaves_only_the_definitions_that_helm_never_removes(installed: Installed) -> None:
    run = installed.stack.destroy()
    assert run.counts.keys() == {"delete"}
    left = {(kind, name) for kind, _, _, name in everything(installed.api) - installed.before}
    assert left == {("CustomResourceDefinition", name) for name in _in_crds_folders(installed.mirror / "charts")}


def _in_crds_folders(charts: Path) -> Iterator[str]:
    """Yield the definitions in the folder `crds` of a chart, which Helm installs once and leaves alone afterwards."""
    for chart in charts.iterdir():
        shown = subprocess.run([str(HELM), "show", "crds", str(chart)], capture_output=True, text=True, check=True)
        yield from (thing["metadata"]["name"] for thing in read_objects(shown.stdout))
