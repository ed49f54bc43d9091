"""The Terraform code: its tests by OpenTofu, its documents by cloud-init, its style by tflint, its scripts by shellcheck.

What needs libvirt's provider (tests/*.tftest.hcl of the root module) runs where `terraform init` can download it.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import hcl2
import pytest
import yaml

from testbed.build import CACHE
from tests.infra.build import tool
from tests.support.http_double import Handler, serve

ROOT = Path(__file__).parents[2]
CODE = ROOT / "infra" / "terraform-hypervisor"
MODULES = [CODE / "modules" / name for name in ("cloud-init", "passthrough")]
SERVER = {
    "node_name": "gpu-1",
    "mac": "52:54:00:01:02:03",
    "address": "10.87.0.10/24",
    "gateway": "10.87.0.1",
    "ssh_keys": ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGNvZGVpbnRlbGNvZGVpbnRlbGNvZGVpbnRlbGNvZGU admin@example"],
    "cluster": "k3s-server",
}
AGENT = SERVER | {
    "cluster": "k3s-agent",
    "cluster_endpoint": "https://192.168.1.10:6443",
    "cluster_token": "K10abcdef::node:0123456789",
}


def run(*command: str | Path, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"TF_CLI_CONFIG_FILE": os.devnull, "CHECKPOINT_DISABLE": "1", "NO_COLOR": "1"}
    return subprocess.run([str(part) for part in command], cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="session")
def packages() -> Path:
    """Return the folder of Debian's promtool, cloud-init and shellcheck, unpacked if not installed."""
    folder = CACHE.with_name("infra-packages")
    subprocess.run([ROOT / "tests" / "infra" / "packages.sh", folder], check=True)
    return folder


def find_tool(name: str, packages: Path) -> Path:
    found = shutil.which(name) or next((str(path) for path in packages.glob(f"usr/bin/{name}")), None)
    assert found, f"{name} is neither on the PATH nor in {packages}"
    return Path(found)


def test_the_code_is_formatted() -> None:
    done = run(tool("tofu"), "fmt", "-check", "-diff", "-recursive", CODE)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.name)
def test_a_module_passes_its_own_tests(module: Path) -> None:
    done = run(tool("tofu"), "test", "-no-color", folder=module)
    assert done.returncode == 0, done.stdout + done.stderr
    written = sum(len(re.findall(r'^run "', file.read_text(), re.MULTILINE)) for file in module.glob("tests/*.hcl"))
    assert f"{written} passed, 0 failed" in done.stdout  # it also exits with 0 if there are no tests
    assert written >= 10


@pytest.mark.parametrize("folder", [CODE, *MODULES], ids=lambda path: path.name)
def test_tflint_passes(folder: Path) -> None:
    done = run(tool("tflint"), f"--chdir={folder}")
    assert (done.returncode, done.stdout.strip()) == (0, "")


def documents(tmp_path: Path, variables: dict[str, Any]) -> dict[str, Any]:
    """Return the documents that the cloud-init module renders in a plan."""
    module = tmp_path / "module"
    shutil.copytree(MODULES[0], module)
    (module / "terraform.tfvars.json").write_text(json.dumps(variables))
    made = run(tool("tofu"), "plan", "-out=plan", folder=module)
    assert made.returncode == 0, made.stdout + made.stderr
    outputs = json.loads(run(tool("tofu"), "show", "-json", "plan", folder=module).stdout)["planned_values"]["outputs"]
    return {name: each["value"] for name, each in outputs.items()}


@pytest.mark.parametrize("variables", [SERVER, AGENT], ids=lambda each: each["cluster"])
def test_cloud_init_accepts_the_rendered_documents(tmp_path: Path, packages: Path, variables: dict[str, Any]) -> None:
    made = documents(tmp_path, variables)
    file = tmp_path / "user-data"
    file.write_text(made["user_data"])
    cloud_init = find_tool("cloud-init", packages)
    python = "" if cloud_init.is_relative_to("/usr/bin") else str(packages / "usr/lib/python3/dist-packages")
    command = ["env", f"PYTHONPATH={python}", "/usr/bin/python3", cloud_init] if python else [cloud_init]
    done = run(*command, "schema", "--config-file", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert yaml.safe_load(made["network_config"])["ethernets"]["node"]["addresses"] == [variables["address"]]


def test_the_node_has_what_the_platform_looks_for(tmp_path: Path) -> None:
    """Label and taint have the names used in infra/pulumi."""
    from infra.pulumi.names import GPU, GPU_NODE_LABELS

    files = {each["path"]: each for each in yaml.safe_load(documents(tmp_path, AGENT)["user_data"])["write_files"]}
    config = yaml.safe_load(files["/etc/rancher/k3s/config.yaml"]["content"])
    assert sorted(config["node-label"]) == sorted(f"{name}={value}" for name, value in GPU_NODE_LABELS.items())
    assert config["node-taint"] == [f"{GPU}=present:NoSchedule"]


def test_an_experiment_loses_the_node_that_the_example_makes() -> None:
    experiment = yaml.safe_load((ROOT / "chaos" / "experiments" / "node-lost.yaml").read_text())
    example = hcl2.loads((CODE / "terraform.tfvars.example").read_text())
    assert example["node_name"].strip('"') == experiment["configuration"]["node"]["default"]


def test_the_node_brings_no_object_that_k3s_or_the_platform_makes(tmp_path: Path) -> None:
    """Each makes its own RuntimeClass: a third with one of their names would stop `pulumi up`."""
    files = yaml.safe_load(documents(tmp_path, SERVER)["user_data"])["write_files"]
    assert not [each["path"] for each in files if "/manifests/" in each["path"]]


def test_the_agent_of_the_model_cache_may_write_to_its_folder(tmp_path: Path) -> None:
    from ml.serving.cache import PLACE

    commands = yaml.safe_load(documents(tmp_path, AGENT)["user_data"])["runcmd"]
    assert ["install", "--directory", "--owner=1000", "--group=1000", PLACE] in commands


def test_the_token_is_in_a_file_that_only_root_can_read(tmp_path: Path) -> None:
    for each in yaml.safe_load(documents(tmp_path, AGENT)["user_data"])["write_files"]:
        if AGENT["cluster_token"] in each["content"]:
            assert each["permissions"] == "0600"


def test_every_provider_is_pinned_and_every_variable_described() -> None:
    versions = hcl2.loads((CODE / "versions.tf").read_text())
    [required] = versions["terraform"][0]["required_providers"]
    for provider in (value for value in required.values() if isinstance(value, dict)):
        assert re.fullmatch(r'"?\d+\.\d+\.\d+"?', provider["version"])
    for file in CODE.rglob("variables.tf"):
        for block in hcl2.loads(file.read_text()).get("variable", []):
            for name, body in block.items():
                assert body.get("description"), f"{file}: {name}"


def test_shellcheck_passes(packages: Path) -> None:
    scripts = [path for path in CODE.rglob("*.sh") if ".terraform" not in path.parts]
    assert len(scripts) == 4
    done = run(find_tool("shellcheck", packages), *scripts)
    assert done.returncode == 0, done.stdout


@pytest.fixture
def join(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run to-pulumi.sh on a real state with some outputs; a double of `pulumi` records its arguments."""
    double = tmp_path / "bin" / "pulumi"
    double.parent.mkdir()
    double.write_text(f'#!/bin/sh\n[ -n "$PULUMI_BACKEND_URL" ] || exit 3\necho "$@" >> {tmp_path}/told\n')
    double.chmod(0o755)

    def joined(backend: str = "file:///state", **outputs: str) -> subprocess.CompletedProcess[str]:
        folder = tmp_path / "state"
        folder.mkdir()
        (folder / "main.tf").write_text("".join(f'output "{k}" {{ value = "{v}" }}\n' for k, v in outputs.items()))
        assert run(tool("tofu"), "apply", "-auto-approve", folder=folder).returncode == 0
        environment = os.environ | {
            "PATH": f"{double.parent}:{os.environ['PATH']}",
            "TERRAFORM": str(tool("tofu")),
            "FOLDER": str(folder),
            "PULUMI_BACKEND_URL": backend,
            "TF_CLI_CONFIG_FILE": os.devnull,
        }
        return subprocess.run([CODE / "to-pulumi.sh", "gpu"], env=environment, capture_output=True, text=True)

    return joined


def test_a_new_clusters_kubeconfig_is_handed_to_pulumi(
    join: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = join(node_name="gpu-1", kubeconfig="/srv/kubeconfig.yaml")
    assert done.returncode == 0, done.stderr
    told = (tmp_path / "told").read_text().splitlines()
    assert told == [
        "whoami --non-interactive",
        "stack select --create gpu",
        "config set --stack gpu kubernetes:kubeconfig /srv/kubeconfig.yaml",
    ]


def test_no_stack_is_chosen_before_there_is_a_backend(
    join: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = join(backend="", node_name="gpu-1")
    assert done.returncode == 1
    assert "error: Pulumi has no backend: set PULUMI_BACKEND_URL" in done.stderr
    assert not (tmp_path / "told").exists()


def test_a_missing_machine_is_an_error_with_a_cure(join: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    done = join(other="x")
    assert done.returncode == 1
    assert re.search(r"error: .*has no machine: run 'terraform .*apply' first", done.stderr)


IMAGE = b"a cloud image"
IMAGE_SHA = hashlib.sha256(IMAGE).hexdigest()


class Release(Handler):
    """A release of cloud images: an image, and the list of digests beside it."""

    listed: ClassVar[str] = ""
    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        body = IMAGE if self.path.endswith(".img") else f"{self.listed} *noble.img\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def image(tmp_path: Path) -> Iterator[Callable[[str], subprocess.CompletedProcess[str]]]:
    """Run image.sh against a release that lists the image's right digest."""
    Release.listed, Release.asked = IMAGE_SHA, []
    with serve(Release) as url:

        def fetched(sha256: str) -> subprocess.CompletedProcess[str]:
            asked = {"URL": f"{url}/release-20260911/noble.img", "TARGET": str(tmp_path / "i" / "noble.img")}
            environment = os.environ | asked | {"SHA256": sha256, "no_proxy": "*"}
            return subprocess.run([CODE / "image.sh"], env=environment, capture_output=True, text=True)

        yield fetched


@pytest.mark.parametrize("digest", [IMAGE_SHA, "-"], ids=["pinned", "of the release"])
def test_the_cloud_image_is_verified_and_downloaded_once(
    image: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path, digest: str
) -> None:
    done = image(digest)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "i" / "noble.img").read_bytes() == IMAGE
    assert image(digest).returncode == 0
    assert Release.asked.count("/release-20260911/noble.img") == 1


@pytest.mark.parametrize("pinned", [True, False])
def test_a_cloud_image_with_another_digest_is_not_used(
    image: Callable[[str], subprocess.CompletedProcess[str]], tmp_path: Path, pinned: bool
) -> None:
    Release.listed = IMAGE_SHA if pinned else "0" * 64
    done = image("0" * 64 if pinned else "-")
    assert done.returncode == 1
    assert "does not have the digest 0000" in done.stderr
    assert not (tmp_path / "i" / "noble.img").exists()


def test_an_unlisted_cloud_image_asks_for_its_digest(
    image: Callable[[str], subprocess.CompletedProcess[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Release, "listed", "")
    done = image("-")
    assert done.returncode == 1
    assert "SHA256SUMS does not list noble.img: set image_sha256" in done.stderr
