"""The mirror against real local servers: a Helm repository over HTTP, and an OCI registry that requires a token."""

import hashlib
import io
import json
import re
import shutil
import tarfile
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner

from infra.mirror.__main__ import bring, contents, main, unpack_pipelines
from infra.mirror.fetch import CHART_LAYER, Site, digest
from infra.mirror.images import copy_image
from infra.mirror.lock import write_digests
from infra.pulumi.components.pipelines import OVERLAY
from infra.pulumi.errors import PlatformError
from infra.pulumi.versions import FILE, Chart, Image, versions
from testbed.pulumi.mirror import locked_by, prepared_mirror
from tests.support.http_double import Handler, serve

ARGO = "argo-workflows-3.7.3.tar.gz"
CHART = b"a chart's archive" * 1000
SHA = hashlib.sha256(CHART).hexdigest()


def ignore(_: int) -> None:
    pass


class Mirrored(Handler):
    """A Helm repository at /helm, and an OCI registry at /v2 that requires a token."""

    files: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[str]] = []
    broken: ClassVar[bool] = False

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.asked.append(path)
        if path.startswith("/v2/") and self.headers.get("Authorization") != "Bearer let-me-in":
            self.send_response(401)
            realm = f"http://{self.headers['Host']}/token"
            self.send_header("WWW-Authenticate", f'Bearer realm="{realm}",service="test",scope="pull"')
            self.end_headers()
            return
        if path not in self.files:
            self.send_error(404)
            return
        body = self.files[path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if self.broken and path.endswith(".tgz") else body)


@pytest.fixture
def server() -> Iterator[str]:
    Mirrored.asked, Mirrored.broken = [], False
    entry = {"version": "1.2.3", "urls": ["files/thing-1.2.3.tgz"], "digest": SHA}
    layer = {"mediaType": CHART_LAYER, "digest": f"sha256:{SHA}"}
    Mirrored.files = {
        "/helm/index.yaml": json.dumps({"entries": {"thing": [entry]}}).encode(),
        "/helm/files/thing-1.2.3.tgz": CHART,
        "/token": json.dumps({"token": "let-me-in"}).encode(),
        "/v2/charts/thing/manifests/1.2.3": json.dumps({"layers": [layer]}).encode(),
        f"/v2/charts/thing/blobs/sha256:{SHA}": CHART,
    }
    with serve(Mirrored) as url:
        yield url.removeprefix("http://")


def chart(address: str, oci: bool = False, sha256: str | None = None, version: str = "1.2.3") -> Chart:
    return Chart("thing", f"oci://{address}/charts" if oci else f"http://{address}/helm", version, sha256)


@pytest.mark.parametrize("oci", [False, True])
def test_a_chart_is_downloaded_once(server: str, tmp_path: Path, oci: bool) -> None:
    target, site = tmp_path / "charts" / "thing-1.2.3.tgz", Site(insecure=True)
    assert site.chart(chart(server, oci), target, ignore) == SHA == digest(target)
    Mirrored.asked.clear()
    assert site.chart(chart(server, oci, SHA), target, ignore) == SHA
    assert Mirrored.asked == []


class Noting(Site):
    """A site that notes what is fetched, and where to."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[Path] = []

    def file(self, url: str, target: Path, sha256: str | None, progress: object) -> str:
        """Note a file."""
        self.fetched.append(target)
        return SHA

    def chart(self, chart: Chart, target: Path, progress: object) -> str:
        """Note a chart."""
        return self.file(chart.repository, target, chart.sha256, progress)


def test_everything_that_is_listed_is_brought(tmp_path: Path) -> None:
    upstream(tmp_path, argo=versions().archives[ARGO].version)
    site = Noting()
    found = bring(versions(), tmp_path, site)
    listed = [(f"{kind}s", name) for kind, name, _ in contents(versions(), with_images=False)]
    assert list(found) == listed
    assert [each.parent.name for each in site.fetched] == [section for section, _ in listed]


@pytest.mark.parametrize("oci", [False, True])
def test_a_chart_other_than_the_locked_one_is_rejected(server: str, tmp_path: Path, oci: bool) -> None:
    target = tmp_path / "thing.tgz"
    with pytest.raises(PlatformError, match=r"has the digest .*, and not 000000000000…: find out who changed it"):
        Site(insecure=True).chart(chart(server, oci, "0" * 64), target, ignore)
    assert not target.exists()


def test_an_interrupted_download_leaves_no_chart_and_resumes_later(server: str, tmp_path: Path) -> None:
    target, site = tmp_path / "thing.tgz", Site(insecure=True)
    Mirrored.broken = True
    with pytest.raises(PlatformError, match=r"can't be had .*: run it again"):
        site.chart(chart(server), target, ignore)
    assert not target.exists()
    Mirrored.broken = False
    assert site.chart(chart(server), target, ignore) == SHA


def test_a_missing_version_is_named(server: str, tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match=r"has no thing 9\.9\.9"):
        Site(insecure=True).chart(chart(server, version="9.9.9"), tmp_path / "x", ignore)
    with pytest.raises(PlatformError, match="404 Not Found"):
        Site(insecure=True).chart(chart(server, oci=True, version="9.9.9"), tmp_path / "x", ignore)


def test_missing_digests_are_added_and_nothing_else_changes(tmp_path: Path) -> None:
    file = tmp_path / "versions.toml"
    shutil.copy(FILE, file)
    before = versions(file)
    found = {("charts", each.name): "1" * 64 for each in before.charts.values()}
    found |= {("manifests", name): "2" * 64 for name in before.manifests}
    found |= {("archives", name): "3" * 64 for name in before.archives}
    lacking = [each for each in before.charts.values() if each.sha256 is None]
    files = [*before.manifests.values(), *before.archives.values()]
    assert write_digests(file, found) == len(lacking) + len([each for each in files if each.sha256 is None]) > 0
    versions.cache_clear()
    after = versions(file)
    assert {each.sha256 for each in after.manifests.values()} == {"2" * 64}
    assert {each.sha256 for each in after.archives.values()} == {"3" * 64}
    for name, each in before.charts.items():
        assert after.charts[name].sha256 == (each.sha256 or "1" * 64)
    assert after.images == before.images
    assert write_digests(file, found) == 0


def test_the_list_names_everything_that_versions_lock() -> None:
    done = CliRunner().invoke(main, ["somewhere", "--list"])
    assert done.exit_code == 0
    locked = versions()
    assert len(done.output.splitlines()) == len(list(contents(locked, with_images=True)))
    assert all(name in done.output for name in (*locked.charts, *locked.manifests, "docker.io/qdrant/qdrant"))
    assert "codeintel/assistant" not in done.output  # built by platform/images


def packed(archive: Path, root: str, kustomizations: dict[str, str]) -> None:
    """Write a repository's archive, as GitHub packs it, with kustomizations by their folders."""
    archive.parent.mkdir(exist_ok=True)
    with tarfile.open(archive, "w:gz") as out:
        for folder, base in {".": "", **kustomizations}.items():
            content = f"resources: [{base}]\n".encode()
            entry = tarfile.TarInfo(f"{root}/manifests/{folder}/kustomization.yaml")
            entry.size = len(content)
            out.addfile(entry, io.BytesIO(content))


def upstream(folder: Path, argo: str) -> None:
    """Pack Kubeflow Pipelines, which fetches a version of Argo, and the Argo that is locked."""
    locked = versions().archives
    remote = f"https://github.com/argoproj/argo-workflows/manifests/base?ref=v{argo}"
    packed(
        folder / "archives" / "pipelines.tar.gz",
        f"pipelines-{locked['pipelines.tar.gz'].version}",
        {"kustomize/env/platform-agnostic": "", "kustomize/cluster-scoped-resources": remote},
    )
    packed(folder / "archives" / ARGO, f"argo-workflows-{locked[ARGO].version}", {"base": ""})


def test_the_mirrored_plugin_is_the_one_that_the_program_asks_the_engine_for() -> None:
    asked = json.loads((resources.files("pulumi_kubernetes") / "pulumi-plugin.json").read_text())
    [plugin] = versions().plugins.values()
    assert asked["version"] == plugin.version
    assert plugin.url.endswith(f"/pulumi-resource-{asked['name']}-v{asked['version']}-linux-amd64.tar.gz")
    assert ("plugin", plugin.name, plugin.version) in set(contents(versions(), with_images=False))


def test_the_pipelines_overlay_names_the_locked_version_and_points_at_the_mirror(tmp_path: Path) -> None:
    overlay = (OVERLAY / "kustomization.yaml").read_text()
    assert f"?ref={versions().archives['pipelines.tar.gz'].version}" in overlay
    upstream(tmp_path, argo=versions().archives[ARGO].version)
    unpack_pipelines(versions(), tmp_path)
    made = (tmp_path / "pipelines" / "kustomization.yaml").read_text()
    assert made.count("$patch: delete") == 2
    kustomizations = [*(tmp_path / "pipelines").rglob("kustomization.yaml")]
    assert len(kustomizations) == 7
    for file in kustomizations:
        assert "https://" not in file.read_text()
        for base in re.findall(r"\.?\.?[\w./-]+/manifests/[\w./-]+", file.read_text()):
            assert (file.parent / base / "kustomization.yaml").is_file(), file


def test_a_version_that_no_archive_has_is_named(tmp_path: Path) -> None:
    upstream(tmp_path, argo="9.9.9")
    with pytest.raises(PlatformError, match=r"argo-workflows/manifests/base\?ref=v9\.9\.9 is in no archive: lock"):
        unpack_pipelines(versions(), tmp_path)


def test_kustomize_builds_the_mirrored_pipelines_without_a_network(mirror: Path) -> None:
    """The real kustomize and the real manifests, where the internet is not."""
    from testbed.pulumi.rendered import kustomized

    whole, scoped = kustomized(f"{mirror}/pipelines"), kustomized(f"{mirror}/pipelines/cluster-scoped-resources")
    assert {"ml-pipeline", "workflow-controller", "mysql"} <= {each["metadata"]["name"] for each in whole}
    assert "workflows.argoproj.io" in {each["metadata"]["name"] for each in scoped}


def test_a_missing_skopeo_is_an_error_with_a_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PlatformError, match="skopeo is not on the PATH: install skopeo"):
        copy_image(Image("i", "registry.example/i", "1.0"), tmp_path, None)


@pytest.fixture
def skopeo(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], list[str]]:
    """A double of skopeo that records its arguments, as no registry with images is reachable."""
    double, told = tmp_path / "bin" / "skopeo", tmp_path / "told"
    double.parent.mkdir()
    double.write_text(f'#!/bin/sh\necho "$@" >> {told}\n[ "$1" = copy ] || echo sha256:{"a" * 64}\n')
    double.chmod(0o755)
    monkeypatch.setenv("PATH", f"{double.parent}:/usr/bin:/bin")
    return lambda: told.read_text().splitlines()


def test_an_image_is_copied_for_all_platforms_and_its_digest_kept(
    skopeo: Callable[[], list[str]], tmp_path: Path
) -> None:
    image = Image("i", "registry.example/team/i", "1.0")
    assert copy_image(image, tmp_path, None) == "a" * 64
    assert copy_image(image, None, "mirror.example:5000") == "a" * 64
    copies = [line for line in skopeo() if line.startswith("copy")]
    source = "docker://registry.example/team/i:1.0"
    assert copies == [
        f"copy --all --preserve-digests {source} oci:{tmp_path}/images/registry.example/team/i:1.0",
        f"copy --all --preserve-digests {source} docker://mirror.example:5000/registry.example/team/i:1.0",
    ]
    with pytest.raises(PlatformError, match="find out who changed it"):
        copy_image(Image("i", image.repository, "1.0", "b" * 64), tmp_path, None)


def test_the_mirror_contains_what_the_program_uses(tmp_path: Path) -> None:
    """The program's paths and the mirror's are the same: with every file in place the program finds all of them."""
    from testbed.pulumi.recorder import recorded

    upstream(tmp_path, argo=versions().archives[ARGO].version)
    unpack_pipelines(versions(), tmp_path)
    for kind, name, version in contents(versions(), with_images=False):
        file = tmp_path / f"{kind}s" / (f"{name}-{version}.tgz" if kind == "chart" else name)
        file.parent.mkdir(exist_ok=True)
        file.touch()
    with pytest.raises(PlatformError, match="locks no digest of"):
        recorded(mirror={"folder": str(tmp_path)})
    with prepared_mirror(tmp_path) as folder, locked_by(folder):
        charts = recorded(mirror={"folder": str(folder)}).charts
    used = {each.get("chart") or each.get("directory") for each in charts if "objs" not in each}
    assert all(str(each).startswith(str(folder)) for each in used)
    assert versions() == versions(FILE)
