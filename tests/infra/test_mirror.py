"""The mirror against real local servers: a Helm repository over HTTP, and an OCI registry that requires a token."""

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import ClassVar

import pytest
from click.testing import CliRunner

from infra.mirror.__main__ import contents, main, unpack_pipelines
from infra.mirror.fetch import CHART_LAYER, Site, digest
from infra.mirror.images import copy_image
from infra.mirror.lock import write_digests
from infra.pulumi.components.pipelines import OVERLAY
from infra.pulumi.errors import PlatformError
from infra.pulumi.versions import FILE, Chart, Image, versions
from tests.support.http_double import Handler, serve

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
    lacking = [each for each in before.charts.values() if each.sha256 is None]
    lacking_manifests = [each for each in before.manifests.values() if each.sha256 is None]
    assert write_digests(file, found) == len(lacking) + len(lacking_manifests) > 0
    versions.cache_clear()
    after = versions(file)
    assert {each.sha256 for each in after.manifests.values()} == {"2" * 64}
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


def test_the_mirrored_plugin_is_the_one_that_the_program_asks_the_engine_for() -> None:
    asked = json.loads((resources.files("pulumi_kubernetes") / "pulumi-plugin.json").read_text())
    [plugin] = versions().plugins.values()
    assert asked["version"] == plugin.version
    assert plugin.url.endswith(f"/pulumi-resource-{asked['name']}-v{asked['version']}-linux-amd64.tar.gz")
    assert ("plugin", plugin.name, plugin.version) in set(contents(versions(), with_images=False))


def test_the_pipelines_overlay_names_the_locked_version_and_points_at_the_mirror(tmp_path: Path) -> None:
    overlay = (OVERLAY / "kustomization.yaml").read_text()
    assert f"?ref={versions().archives['pipelines.tar.gz'].version}" in overlay
    archive = tmp_path / "pipelines.tar.gz"
    with tarfile.open(archive, "w:gz") as packed:
        for name in ("env/platform-agnostic", "cluster-scoped-resources"):
            content = b"resources: []\n"
            entry = tarfile.TarInfo(f"pipelines-1/manifests/kustomize/{name}/kustomization.yaml")
            entry.size = len(content)
            packed.addfile(entry, io.BytesIO(content))
    unpack_pipelines(tmp_path, archive)
    made = (tmp_path / "pipelines" / "kustomization.yaml").read_text()
    assert "https://" not in made
    [base] = [line.strip(" -") for line in made.splitlines() if line.startswith("  - upstream")]
    assert (tmp_path / "pipelines" / base / "kustomization.yaml").is_file()
    assert made.count("$patch: delete") == 2


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


def test_the_mirror_contains_what_the_program_uses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's paths and the mirror's are the same: with every file in place the program finds all of them."""
    from tests.infra.recorder import recorded

    for kind, name, version in contents(versions(), with_images=False):
        file = tmp_path / ("charts" if kind == "chart" else f"{kind}s")
        file.mkdir(exist_ok=True)
        (file / (f"{name}-{version}.tgz" if kind == "chart" else name)).touch()
    with pytest.raises(PlatformError, match="locks no digest of"):
        recorded(mirror={"folder": str(tmp_path)})
    locked = tmp_path / "versions.toml"
    shutil.copy(FILE, locked)
    names = [("charts", name) for name in versions().charts] + [("manifests", name) for name in versions().manifests]
    write_digests(locked, dict.fromkeys(names, "1" * 64))
    monkeypatch.setattr("infra.pulumi.versions.versions.__wrapped__.__defaults__", (locked,))
    versions.cache_clear()
    charts = recorded(mirror={"folder": str(tmp_path)}).charts
    versions.cache_clear()
    used = {each.get("chart") or each.get("file") or each.get("directory") for each in charts}
    assert all(str(each).startswith(str(tmp_path)) for each in used)
