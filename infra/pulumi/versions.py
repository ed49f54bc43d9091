"""The contents of versions.toml as types."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.pulumi.errors import PlatformError

DOCKER_HUB = "index.docker.io"
FILE = Path(__file__).with_name("versions.toml")


@dataclass(frozen=True)
class Chart:
    """A Helm chart: its repository is an HTTP one or an OCI registry."""

    name: str
    repository: str
    version: str
    sha256: str | None = None

    @property
    def archive(self) -> str:
        """Name of its archive in a mirror's folder."""
        return f"{self.name}-{self.version}.tgz"


@dataclass(frozen=True)
class Manifest:
    """A file to download: Kubernetes objects, an archive of them, or a plugin of Pulumi."""

    name: str
    url: str
    version: str
    sha256: str | None = None


@dataclass(frozen=True)
class Image:
    """A container image."""

    name: str
    repository: str
    tag: str
    sha256: str | None = None

    @property
    def built_here(self) -> bool:
        """Whether platform/images builds it: no registry has it until it is pushed."""
        return self.repository.startswith("codeintel/")

    def reference(self, registry: str | None) -> str:
        """Return the image reference, under the mirror's prefix if one is set."""
        place = f"{registry.rstrip('/')}/{self.repository}" if registry else self.repository
        return f"{place}:{self.tag}" + (f"@sha256:{self.sha256}" if self.sha256 else "")


@dataclass(frozen=True)
class Versions:
    """All locked versions by name."""

    charts: dict[str, Chart]
    manifests: dict[str, Manifest]
    archives: dict[str, Manifest]
    plugins: dict[str, Manifest]
    images: dict[str, Image]
    chart_images: dict[str, Image]  # by repository

    @property
    def pulled(self) -> list[Image]:
        """All images that a node pulls from somebody's registry: not those that platform/images builds."""
        return [each for each in (*self.images.values(), *self.chart_images.values()) if not each.built_here]


@cache
def versions(file: Path = FILE) -> Versions:
    """Return the contents of the lock file. Raise PlatformError if it can't be read."""
    try:
        data = tomllib.loads(file.read_text())
        return Versions(
            {name: Chart(name, **each) for name, each in data["charts"].items()},
            {name: Manifest(name, **each) for name, each in data["manifests"].items()},
            {name: Manifest(name, **each) for name, each in data["archives"].items()},
            {name: Manifest(name, **each) for name, each in data["plugins"].items()},
            {name: Image(name, **each) for name, each in data["images"].items()},
            {place: Image(place, place, **each) for place, each in data["chart_images"].items()},
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise PlatformError(
            f"{file.name} can't be read ({error})", "mend it, or take the one of the release"
        ) from error


def registry_of(reference: str) -> str:
    """Return the registry of an image reference, as clients name it; a name without one is Docker Hub's."""
    first, slash, _ = reference.partition("/")
    named = slash and (first == "localhost" or "." in first or ":" in first)
    return first if named and first != "docker.io" else DOCKER_HUB
