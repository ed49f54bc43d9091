"""The same program run by the real Pulumi CLI and its Kubernetes provider (if both are on the PATH), on a file backend."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from testbed.codeintel.checks import everything
from testbed.kubernetes.api import Api
from testbed.pulumi.recorder import with_charts

ROOT = Path(__file__).parents[2]
MISSING = [name for name in ("pulumi", "pulumi-resource-kubernetes") if shutil.which(name) is None]

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"the real CLI: {' and '.join(MISSING)} not on the PATH")


class Stack:
    """A stack of the project in a folder of links to it, as the CLI writes a stack's file beside Pulumi.yaml."""

    def __init__(self, kubeconfig: Path, folder: Path) -> None:
        self.state, self.project, home = folder / "state", folder / "project", folder / "home"
        self.state.mkdir()
        self.project.mkdir()
        for name in ("Pulumi.yaml", "infra", "ml", "platform", ".venv"):
            (self.project / name).symlink_to(ROOT / name)
        self.settings = self.project / "Pulumi.test.yaml"
        self.environment = os.environ | {
            "KUBECONFIG": str(kubeconfig),
            "PULUMI_BACKEND_URL": f"file://{self.state}",
            "PULUMI_CONFIG_PASSPHRASE": "test",
            "PULUMI_HOME": str(home),
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
        }

    def set(self, config: dict[str, object]) -> None:
        """Write the stack's settings, keeping what the CLI wrote into that file."""
        kept = [line for line in self.settings.read_text().splitlines() if line.startswith("encryptionsalt")]
        self.settings.write_text("\n".join([*kept, f"config: {json.dumps(config)}", ""]))  # JSON is YAML

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = ["pulumi", *arguments, "--stack", "test", "--non-interactive", "--color", "never"]
        return subprocess.run(
            command, cwd=self.project, env=self.environment, capture_output=True, text=True, timeout=600
        )

    def up(self, *arguments: str) -> dict[str, int]:
        """Run `pulumi up` and return how many resources were created, updated, unchanged, …"""
        done = self.run("up", "--yes", "--skip-preview", "--json", *arguments)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        changes: dict[str, int] = next(line["summaryEvent"] for line in lines if "summaryEvent" in line)[
            "resourceChanges"
        ]
        return changes


@pytest.fixture
def stack(kubeconfig: Path, tmp_path: Path) -> Stack:
    made = Stack(kubeconfig, tmp_path)
    components = {"gpuNode": True, **dict.fromkeys(with_charts(), False)}
    begun = made.run("stack", "init")
    assert begun.returncode == 0, begun.stderr
    made.set({"codeintel:components": components})
    return made


def test_it_goes_up_stays_unchanged_and_is_destroyed(stack: Stack, api: Api) -> None:
    before = everything(api)
    foreseen = stack.run("preview")
    assert foreseen.returncode == 0, foreseen.stdout
    assert everything(api) == before
    try:
        assert stack.up().keys() == {"create"}
        assert stack.up().keys() == {"same"}
        state = next(stack.state.rglob("stacks/**/test.json")).read_text()
        password = (api.get(secret) or {})["data"]["api-key"]
        assert password not in state
    finally:
        gone = stack.run("destroy", "--yes", "--skip-preview")
    assert gone.returncode == 0, gone.stdout
    assert everything(api) - before == set()


secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "qdrant", "namespace": "codeintel-data"}}


def test_a_misspelt_setting_is_a_one_line_error_before_any_change(stack: Stack, api: Api) -> None:
    before = everything(api)
    stack.set({"codeintel:gup": {"slices": 5}})
    done = stack.run("up", "--yes", "--skip-preview")
    assert done.returncode != 0
    assert "there is no setting codeintel:gup" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert everything(api) == before
