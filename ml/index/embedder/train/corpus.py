"""The training packages: pinned in `packages.txt` and downloaded by their registries' own clients.

packages.txt line:  ECOSYSTEM NAME VERSION SHA256        (of the archive that the registry serves)
"""

import hashlib
import json
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath

from ml.errors import EmbedderError

MANIFEST = Path(__file__).parent / "packages.txt"
MAX_FILE_BYTES = 200_000
MAX_LINE = 400
SKIPPED_FOLDERS = frozenset(
    "test tests __tests__ spec testdata node_modules vendor third_party dist es esm cjs umd min".split()
)


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """A released package, pinned by the digest of its archive."""

    ecosystem: str
    name: str
    version: str
    sha256: str


def read_manifest(path: Path = MANIFEST) -> list[Package]:
    """Read the list of pinned packages; lines that begin with # are comments."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Package(*line.split()) for line in lines if line.strip() and not line.startswith("#")]


def fetch(package: Package, folder: Path) -> Path:
    """Return a package's archive; download it unless it is in `folder`.

    Raise EmbedderError if the client is missing or fails, or if the archive's digest is not the pinned one.
    """
    target = folder / package.ecosystem / f"{package.name}@{package.version}".replace("/", "+").replace(":", "+")
    target.mkdir(parents=True, exist_ok=True)
    archive = next(target.iterdir(), None) or CLIENTS[package.ecosystem](package, target)
    if hashlib.sha256(archive.read_bytes()).hexdigest() != package.sha256:
        raise EmbedderError(
            f"{archive} is not the pinned release", f"delete it, or update its digest in {MANIFEST.name}"
        )
    return archive


def files(archive: Path) -> Iterator[tuple[str, str]]:
    """Yield (path, text) of an archive's readable files in a fixed order, without the top-level folder.

    Skip tests, build output, vendored code and files with overlong lines.
    """
    for path, data in sorted(_members(archive)):
        text = data.decode("utf-8", "ignore")
        if not SKIPPED_FOLDERS & set(PurePosixPath(path).parts[:-1]) and max(map(len, text.split("\n"))) <= MAX_LINE:
            yield path, text


def _members(archive: Path) -> Iterator[tuple[str, bytes]]:
    with ExitStack() as stack:
        if zipfile.is_zipfile(archive):
            packed = stack.enter_context(zipfile.ZipFile(archive))
            # A Go module's files are in a folder named by its path and version.
            root = os.path.commonpath(packed.namelist()) + "/" if archive.suffix == ".zip" else ""
            for entry in packed.infolist():
                if not entry.is_dir() and entry.file_size <= MAX_FILE_BYTES:
                    yield entry.filename.removeprefix(root), packed.read(entry)
            return
        tar = stack.enter_context(_tar(archive))
        for member in tar:
            content = tar.extractfile(member) if member.isfile() and member.size <= MAX_FILE_BYTES else None
            if content:
                yield member.name.removeprefix("./").partition("/")[2], content.read()


def _tar(archive: Path) -> tarfile.TarFile:
    if archive.suffix == ".deb":
        return tarfile.open(fileobj=BytesIO(_run("dpkg-deb", "--fsys-tarfile", str(archive))))
    return tarfile.open(archive)


def _pypi(package: Package, folder: Path) -> Path:
    options = ("--quiet", "--no-deps", "--only-binary", ":all:", "--dest", str(folder))
    _run("pip", "download", *options, f"{package.name}=={package.version}")
    return _only(folder)


def _npm(package: Package, folder: Path) -> Path:
    _run("npm", "pack", "--silent", "--pack-destination", str(folder), f"{package.name}@{package.version}")
    return _only(folder)


def _go(package: Package, folder: Path) -> Path:
    found = json.loads(_run("go", "mod", "download", "-json", f"{package.name}@{package.version}"))
    return _link(Path(found["Zip"]), folder)


def _cargo(package: Package, folder: Path) -> Path:
    """Download a crate and its dependencies through a temporary project, since cargo has no other way."""
    project = folder.parent / f".{folder.name}"
    (project / "src").mkdir(parents=True, exist_ok=True)
    (project / "src" / "lib.rs").touch()
    (project / "Cargo.toml").write_text(
        '[package]\nname = "corpus"\nversion = "0.0.0"\nedition = "2021"\n[workspace]\n[dependencies]\n'
        f'{package.name} = {{ version = "={package.version}", default-features = false }}\n',
        encoding="utf-8",
    )
    _run("cargo", "fetch", "--quiet", "--manifest-path", str(project / "Cargo.toml"))
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    return _link(next(home.glob(f"registry/cache/*/{package.name}-{package.version}.crate")), folder)


def _maven(package: Package, folder: Path) -> Path:
    artifact = f"-Dartifact={package.name}:{package.version}:jar:sources"
    _run("mvn", "--quiet", "dependency:copy", artifact, f"-DoutputDirectory={folder.resolve()}")
    return _only(folder)


def _debian(package: Package, folder: Path) -> Path:
    _run("apt-get", "download", "-qq", f"{package.name}={package.version}", folder=folder)
    return _only(folder)


CLIENTS: dict[str, Callable[[Package, Path], Path]] = {
    "pypi": _pypi,
    "npm": _npm,
    "go": _go,
    "cargo": _cargo,
    "maven": _maven,
    "debian": _debian,
}


def _link(archive: Path, folder: Path) -> Path:
    (folder / archive.name).symlink_to(archive)
    return folder / archive.name


def _only(folder: Path) -> Path:
    return next(folder.iterdir())


def _run(*command: str, folder: Path | None = None) -> bytes:
    try:
        return subprocess.run(command, cwd=folder, capture_output=True, check=True).stdout
    except FileNotFoundError as error:
        cure = "install it, or use --packages with a list without its packages"
        raise EmbedderError(f"{command[0]} is not installed", cure) from error
    except subprocess.CalledProcessError as error:
        last = error.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
        cure = "check that the registry still serves that version, or pin another in packages.txt"
        raise EmbedderError(f"{' '.join(command)} failed ({' '.join(last)})", cure) from error
