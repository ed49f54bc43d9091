"""python -m infra.mirror FOLDER: download what the platform is made of, verify it, and lock what had no digest yet."""

import os
import re
import shutil
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from infra.mirror.fetch import Site
from infra.mirror.images import copy_image
from infra.mirror.lock import write_digests
from infra.pulumi.components.pipelines import OVERLAY
from infra.pulumi.errors import PlatformError
from infra.pulumi.versions import FILE, Versions, versions

Found = dict[tuple[str, str], str]
PIPELINES, UPSTREAM = "pipelines", "upstream"
# A base as kustomize fetches it; GitHub's archive of v1.2.3 has the root folder PROJECT-1.2.3.
REMOTE = re.compile(
    r"https://github\.com/[\w-]+/(?P<project>[\w-]+)/{1,2}(?P<path>manifests/[\w/-]+)\?ref=v?(?P<version>[\w.]+)"
)


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option("--registry", help="Copy images there, such as registry.example:5000/mirror.  [default: into the folder]")
@click.option("--no-images", is_flag=True, help="Leave out the images.")
@click.option("--list", "listing", is_flag=True, help="Say what would be brought, and end.")
def main(folder: Path, registry: str | None, no_images: bool, listing: bool) -> None:
    """Download every chart, manifest, plugin and image of infra/pulumi/versions.toml to FOLDER.

    Files that are there with the right digest are kept, so an interrupted run resumes. Digests that
    versions.toml lacks are written into it. Then `pulumi config set --path codeintel:mirror.folder FOLDER`.
    """
    locked = versions()
    if listing:
        for kind, name, version in contents(locked, not no_images):
            click.echo(f"{kind:<10}{name:<40}{version}")
        return
    try:
        found = bring(locked, folder, Site())
        if not no_images:
            found |= bring_images(locked, folder, registry)
        added = write_digests(FILE, found)
    except PlatformError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
    click.echo(
        f"{folder}: {len(found)} things, all with the digests that versions.toml locks ({added} locked just now)"
    )


def contents(locked: Versions, with_images: bool) -> Iterator[tuple[str, str, str]]:
    """Yield kind, name and version of everything that is mirrored."""
    yield from (("chart", each.name, each.version) for each in locked.charts.values())
    yield from (("manifest", each.name, each.version) for each in locked.manifests.values())
    yield from (("archive", each.name, each.version) for each in locked.archives.values())
    yield from (("plugin", each.name, each.version) for each in locked.plugins.values())
    if with_images:
        yield from (("image", each.repository, each.tag) for each in locked.pulled)


def bring(locked: Versions, folder: Path, site: Site) -> Found:
    """Download charts, manifests, archives and plugins; return their digests. Raise PlatformError at the first failure."""
    found: Found = {}
    with _bar() as bar:

        def one(name: str, fetch: Callable[[Callable[[int], None]], str]) -> str:
            task = bar.add_task(name, total=None)
            sha256 = fetch(lambda size: bar.advance(task, size))
            bar.update(task, total=bar.tasks[task].completed or 1, completed=bar.tasks[task].completed or 1)
            return sha256

        for chart in locked.charts.values():
            target = folder / "charts" / chart.archive
            found["charts", chart.name] = one(chart.archive, lambda p, c=chart, t=target: site.chart(c, t, p))  # type: ignore[misc]
        sections = {"manifests": locked.manifests, "archives": locked.archives, "plugins": locked.plugins}
        for section, files in sections.items():
            for each in files.values():
                target = folder / section / each.name
                found[section, each.name] = one(
                    each.name,
                    lambda p, e=each, t=target: site.file(e.url, t, e.sha256, p),  # type: ignore[misc]
                )
    unpack_pipelines(locked, folder)
    return found


def bring_images(locked: Versions, folder: Path, registry: str | None) -> Found:
    """Copy the images that registries serve; those of platform/images are pushed by whoever builds them."""
    found: Found = {}
    console = Console(stderr=True)
    for image in locked.pulled:
        console.print(f"{image.repository}:{image.tag}", highlight=False)
        section = "images" if image.name in locked.images else "chart_images"
        found[section, image.name] = copy_image(image, folder, registry)
    return found


def unpack_pipelines(locked: Versions, folder: Path) -> None:
    """Unpack the manifests of Kubeflow Pipelines and of the projects that it fetches beside our overlays.

    All of them then refer to one another in place of the internet. Raise PlatformError if one refers to a project at a
    version whose archive is not locked.
    """
    place = folder / PIPELINES
    shutil.rmtree(place, ignore_errors=True)
    for archive in locked.archives:
        _unpack(folder / "archives" / archive, place / UPSTREAM)
    for file in (place / UPSTREAM).rglob("kustomization.yaml"):
        file.write_text(_local(file.read_text(), place, file.parent))
    for file in OVERLAY.rglob("kustomization.yaml"):
        target = place / file.relative_to(OVERLAY)
        target.parent.mkdir(exist_ok=True)
        target.write_text(_local(file.read_text(), place, target.parent))


def _unpack(archive: Path, place: Path) -> None:
    """Unpack the folder `manifests` of a repository's archive, under the archive's own root folder."""
    with tarfile.open(archive) as packed:
        root = packed.getnames()[0].split("/")[0]
        inside = [each for each in packed.getmembers() if each.name.startswith(f"{root}/manifests/")]
        packed.extractall(place, inside, filter="data")


def _local(kustomization: str, place: Path, folder: Path) -> str:
    """Return the text of a kustomization in `folder`, with each remote base replaced by the one unpacked in `place`."""

    def unpacked(remote: re.Match[str]) -> str:
        base = place / UPSTREAM / f"{remote['project']}-{remote['version']}" / remote["path"]
        if not base.is_dir():
            raise PlatformError(
                f"{remote[0]} is in no archive", "lock that version under [archives] in versions.toml, and run it again"
            )
        return os.path.relpath(base, folder)

    return REMOTE.sub(unpacked, kustomization)


def _bar() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    return Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty())


if __name__ == "__main__":
    main()
