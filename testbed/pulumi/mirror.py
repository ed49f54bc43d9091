"""A mirror's folder, as `python -m infra.mirror` makes it, for tests: unpacked, with its digests locked in memory alone.

The archives that CI has were packed anew: their digests are not the published ones and must never get into
versions.toml.
"""

import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

import yaml

from infra.mirror.__main__ import unpack_pipelines
from infra.mirror.fetch import digest
from infra.mirror.lock import write_digests
from infra.pulumi.versions import FILE, Versions, versions
from testbed.errors import ClusterError

# Where a mirror lacks the version that is locked: another that stands for it, until the mirror has it.
STAND_INS = {"clickhouse-operator-helm-0.0.5.tgz": "clickhouse-operator-helm-0.0.2.tgz"}
SECTIONS = ("charts", "manifests", "archives")


def given_mirror() -> Path | None:
    """Return the folder that the variable MIRROR names. Raise ClusterError if there is none."""
    given = os.environ.get("MIRROR")
    if given and not Path(given).is_dir():
        raise ClusterError(f"MIRROR={given} is not a folder", "run `python -m infra.mirror --no-images FOLDER`")
    return Path(given).resolve() if given else None


@contextmanager
def prepared_mirror(source: Path) -> Iterator[Path]:
    """Yield a folder for `codeintel:mirror.folder` with a mirror's files, none of which is changed."""
    with tempfile.TemporaryDirectory(prefix="mirror-") as name:
        folder = Path(name)
        for section in SECTIONS:
            (folder / section).mkdir()
            for file in (source / section).iterdir():
                (folder / section / file.name).symlink_to(file)
        for missing, other in STAND_INS.items():
            if not (folder / "charts" / missing).exists():
                (folder / "charts" / missing).symlink_to(source / "charts" / other)
        unpack_pipelines(versions(), folder)
        yield folder


@contextmanager
def locked_by(folder: Path) -> Iterator[None]:
    """Let the program read a copy of versions.toml that also locks those of the folder's files that have no digest yet."""
    lock = folder / FILE.name
    shutil.copy(FILE, lock)
    write_digests(lock, dict(_digests(versions(), folder)))
    with mock.patch.object(versions.__wrapped__, "__defaults__", (lock,)):
        versions.cache_clear()
        yield
    versions.cache_clear()


@contextmanager
def at_version(folder: Path, name: str, version: str) -> Iterator[None]:
    """Let the program install a chart of the folder at another version, inside `locked_by`; its content is the same."""
    lock, chart = folder / FILE.name, versions().charts[name]
    text = lock.read_text()
    target = folder / "charts" / replace(chart, version=version).archive
    if not target.exists():
        _repack(folder / "charts" / chart.archive, target, version)
    lock.write_text(re.sub(rf'(\[charts\.{name}\]\n[^[]*?version = )"[^"]*"', rf'\g<1>"{version}"', text))
    versions.cache_clear()
    try:
        yield
    finally:
        lock.write_text(text)
        versions.cache_clear()


def _repack(chart: Path, target: Path, version: str) -> None:
    with tempfile.TemporaryDirectory() as name, tarfile.open(chart) as packed, tarfile.open(target, "w:gz") as out:
        packed.extractall(name, filter="data")
        (root,) = Path(name).iterdir()
        about = yaml.safe_load((root / "Chart.yaml").read_text())
        (root / "Chart.yaml").write_text(yaml.safe_dump({**about, "version": version}))
        out.add(root, root.name)


def _digests(locked: Versions, folder: Path) -> Iterator[tuple[tuple[str, str], str]]:
    for chart in locked.charts.values():
        yield ("charts", chart.name), digest(folder / "charts" / chart.archive)
    for section, files in (("manifests", locked.manifests), ("archives", locked.archives)):
        for name in files:
            yield (section, name), digest(folder / section / name)
