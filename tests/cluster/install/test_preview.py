"""`pulumi preview` where no cluster is."""

from pathlib import Path

import pytest

from testbed.errors import ClusterError
from testbed.pulumi.engine import Stack
from testbed.pulumi.mirror import locked_by
from testbed.pulumi.rendered import stack_config


def test_a_preview_warns_and_goes_on_and_an_up_does_not_begin(mirror: Path, tmp_path: Path) -> None:
    """Without what Pulumi needs the cluster for: kinds of manifests, which it asks the API server about."""
    stack = Stack(tmp_path / "stack", tmp_path / "no-kubeconfig")
    components = {**stack_config("gpu")["codeintel:components"], "knative": False, "pipelines": False}
    with locked_by(mirror):
        stack.configure({"codeintel:components": components, "codeintel:mirror": {"folder": str(mirror)}})
        run = stack.preview()
        assert run.counts.keys() == {"create"}
        assert any("no cluster can be read" in each for each in run.messages["warning"])
        with pytest.raises(ClusterError, match="no cluster can be read from"):
            stack.up()
