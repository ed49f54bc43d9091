"""The project in learning/ under real DVC: what is rebuilt, what moved, a remote in a folder and one on S3."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ml.training.examples import read_examples
from tests.support.depot import make_depot
from tests.support.git import IDENTITY, commit, git, make_repository
from tests.support.http_double import Handler, serve
from tests.support.s3_server import WEED, s3_server

PROJECT = Path(__file__).parents[2] / "learning"
ANNEX = {
    f"annex/{name}.py": f"def open_{name}(door, keys):\n    found = find_{name}_key(keys)\n    if found is None:\n"
    f"        raise {name.title()}Error(door)\n    unlock_{name}(door, found)\n    return door.{name}_number\n"
    for name in ("cellar", "attic", "garage", "office")
}


@dataclass
class Project:
    """A copy of learning/ in a git repository of its own, and the environment that its commands run in."""

    folder: Path
    environment: dict[str, str]
    annex: Path
    calls: list[str] = field(default_factory=list)

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-m", *command] if command[0] == "dvc" else list(command)
        done = subprocess.run(
            program, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def dvc_json(self, *command: str) -> Any:
        return json.loads(self.run("dvc", *command, "--json").stdout or "{}")

    def commit(self) -> None:
        git(self.folder, "add", "--all")
        git(self.folder, "commit", "--quiet", "--message=state")

    def pin(self, **repositories: tuple[Path, str]) -> None:
        tables = [
            f'[{name}]\nsource = "{at}"\nrevision = "{revision}"\n' for name, (at, revision) in repositories.items()
        ]
        (self.folder / "repositories.toml").write_text("\n".join(tables))

    def made(self) -> dict[str, bytes]:
        files = [self.folder / "index.tar.gz", *sorted((self.folder / "dataset").iterdir())]
        return {file.name: file.read_bytes() for file in files}

    def restore(self) -> None:
        """Bring back what was committed."""
        git(self.folder, "checkout", "--", ".")
        self.run("dvc", "checkout")

    def wipe(self) -> None:
        """Remove all outputs and DVC's cache."""
        for name in ("dataset", "work", ".dvc/cache", ".dvc/tmp"):
            shutil.rmtree(self.folder / name, ignore_errors=True)
        (self.folder / "index.tar.gz").unlink(missing_ok=True)


@pytest.fixture(scope="module")
def listener() -> Iterator[tuple[str, list[str]]]:
    """Run a server in place of DVC's telemetry endpoint."""
    calls: list[str] = []

    class Listener(Handler):
        def do_POST(self) -> None:
            calls.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_GET = do_POST

    with serve(Listener) as address:
        yield address, calls


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, listener: tuple[str, list[str]]) -> Project:
    root = tmp_path_factory.mktemp("dvc")
    leave = shutil.ignore_patterns("cache", "tmp", "work", "dataset", "index.tar.gz", "dvc.lock", "config.local")
    shutil.copytree(PROJECT, root / "team" / "learning", ignore=leave)
    git(root / "team", "init", "--quiet", "--initial-branch=main")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("CODEINTEL_", "DVC_"))}
    environment |= IDENTITY | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(root),
        "XDG_DATA_HOME": str(root / "data"),
        "XDG_CACHE_HOME": str(root / "cache"),
        "DVC_SITE_CACHE_DIR": str(root / "site"),
        "DVC_ANALYTICS_ENDPOINT": listener[0],
        "DVC_UPDATER_ENDPOINT": listener[0],
        "CODEINTEL_LLM": "none",
    }
    depot = make_depot(root / "depot")
    annex = make_repository(root / "annex", ANNEX)
    made = Project(root / "team" / "learning", environment, annex, listener[1])
    made.pin(depot=(depot, git(depot, "rev-parse", "HEAD")), annex=(annex, git(annex, "rev-parse", "HEAD")))
    (made.folder / "by_hand.jsonl").write_text("")
    (made.folder / "params.yaml").write_text("size: 60\nseed: 7\n")
    made.run("dvc", "repro")
    made.commit()
    return made


def stages_run(output: str) -> set[str]:
    return {line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")}


def test_unchanged_stages_do_not_run_again(project: Project) -> None:
    before = project.made()
    train = read_examples(project.folder / "dataset" / "train.jsonl")
    assert {example.repo for example in train} == {"depot", "annex"}
    assert stages_run(project.run("dvc", "repro").stdout) == set()
    assert project.made() == before
    # Nor after a search in the index, which leaves traces in its files.
    found = json.loads(project.run("codeintel", "search", "--store", "work/index", "--json", "read_weight").stdout)
    assert found
    assert stages_run(project.run("dvc", "repro").stdout) == set()
    assert not git(project.folder, "status", "--porcelain")


def test_another_seed_rebuilds_only_the_data_set(project: Project) -> None:
    before = project.made()
    (project.folder / "params.yaml").write_text("size: 60\nseed: 8\n")
    assert stages_run(project.run("dvc", "repro").stdout) == {"dataset"}
    assert project.dvc_json("params", "diff")["params.yaml"]["seed"]["new"] == 8
    moved = {entry["path"] for entry in project.dvc_json("diff")["modified"]}
    assert "dataset/train.jsonl" in moved
    assert "index.tar.gz" not in moved
    project.restore()
    assert project.made() == before


def test_a_moved_pin_rebuilds_both_and_is_reported(project: Project) -> None:
    manifest = (project.folder / "repositories.toml").read_text()
    old = git(project.annex, "rev-parse", "HEAD")
    commit(project.annex, {"annex/cellar.py": ANNEX["annex/cellar.py"].replace("_cellar_key", "_spare_key")})
    new = git(project.annex, "rev-parse", "HEAD")
    (project.folder / "repositories.toml").write_text(manifest.replace(old, new))
    output = project.run("dvc", "repro").stdout
    assert stages_run(output) == {"index", "dataset"}
    assert "1 files new or changed" in output
    assert "nothing changed" in output  # the other repository
    moved = {entry["path"] for entry in project.dvc_json("diff")["modified"]}
    assert "index.tar.gz" in moved
    changed = project.dvc_json("params", "diff")["repositories.toml"]["annex.revision"]
    assert (changed["old"], changed["new"]) == (old, new)
    examples = [
        e for name in ("train", "held_out") for e in read_examples(project.folder / "dataset" / f"{name}.jsonl")
    ]
    assert {example.revision for example in examples if example.repo == "annex"} == {new}
    project.commit()


def test_a_repository_that_left_the_manifest_leaves_the_index(project: Project) -> None:
    manifest = project.folder / "repositories.toml"
    made, text = project.made(), manifest.read_text()
    manifest.write_text(text[: text.index("[annex]")])
    project.run("dvc", "repro")
    train = read_examples(project.folder / "dataset" / "train.jsonl")
    assert {example.repo for example in train} == {"depot"}
    project.restore()
    assert project.made() == made


def test_everything_is_restored_from_a_remote_in_a_folder(project: Project, tmp_path: Path) -> None:
    made = project.made()
    project.run("dvc", "remote", "add", "--local", "--force", "--default", "site", str(tmp_path / "remote"))
    project.run("dvc", "push")
    project.wipe()
    project.run("dvc", "pull")
    assert project.made() == made
    assert stages_run(project.run("dvc", "repro").stdout) == set()
    # Work can go on from what was pulled: the index in the archive is complete.
    (project.folder / "params.yaml").write_text("size: 50\nseed: 7\n")
    assert stages_run(project.run("dvc", "repro").stdout) == {"dataset"}
    project.restore()
    assert project.made() == made


@pytest.mark.skipif(not WEED.is_file(), reason="no SeaweedFS here: `make test-ml` brings it")
def test_everything_is_restored_from_s3(project: Project, tmp_path: Path) -> None:
    made = project.made()
    with s3_server(tmp_path) as server:
        remote = ("dvc", "remote")
        project.run(*remote, "add", "--local", "--force", "--default", "s3", f"s3://{server.bucket}/dvc")
        settings: Mapping[str, str] = {
            "endpointurl": server.url, "access_key_id": server.key, "secret_access_key": server.secret,
        }  # fmt: skip
        for name, value in settings.items():
            project.run(*remote, "modify", "--local", "s3", name, value)
        project.run("dvc", "push")
        project.wipe()
        project.run("dvc", "pull")
    assert project.made() == made
    assert not git(project.folder, "status", "--porcelain")  # neither address nor keys get into git


@pytest.mark.parametrize(
    ("manifest", "reason"),
    [
        ("", "lists no repositories"),
        ("not toml", "can't be read"),
        ("[a]\nsource = 1\nrevision = 'x'\n", "must be strings"),
        ("[a]\nsource = '.'\n", "must have source and revision"),
        ("[a]\nsource = 'nowhere'\nrevision = '1.0'\n", "there is no"),
        ("[a]\nsource = 'https://git.example.test/a.git'\nrevision = 'main'\n", "not a fixed commit"),
        ("[a]\nsource = '../../annex'\nrevision = '1.0'\n", "is pinned to 1.0"),
        (f"[a]\nsource = '../../annex'\nrevision = '{'0' * 40}'\n", "there is no revision"),
    ],
)
def test_an_invalid_manifest_is_a_one_line_error_and_changes_nothing(
    project: Project, manifest: str, reason: str
) -> None:
    file = project.folder / "repositories.toml"
    before, made = file.read_text(), project.made()
    file.write_text(manifest)
    try:
        done = project.run("codeintel", "index", "--pinned", "repositories.toml", "--store", "work/index", check=False)
        assert done.returncode != 0
        assert reason in done.stderr, done.stderr
        assert done.stderr.count("\n") == 1
    finally:
        file.write_text(before)
    assert project.made() == made


def test_dvc_sends_no_telemetry(project: Project) -> None:
    assert project.run("dvc", "config", "core.analytics").stdout.strip() == "false"
    assert project.run("dvc", "config", "core.check_update").stdout.strip() == "false"
    assert project.calls == []
