"""What every component receives: the settings, and how they affect image names and waiting for pods."""

from dataclasses import dataclass
from pathlib import Path

import pulumi_kubernetes as k8s

from infra.pulumi.errors import PlatformError
from infra.pulumi.names import PART_OF
from infra.pulumi.settings import Settings
from infra.pulumi.versions import versions

SKIP_AWAIT = {"pulumi.com/skipAwait": "true"}
ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Site:
    """One stack's settings, as its components use them."""

    settings: Settings

    @property
    def awaits(self) -> bool:
        """Whether Pulumi waits until pods run."""
        return self.settings.await_ready is not False

    def image(self, name: str) -> str:
        """Return an image by its name in versions.toml, with the registry prefix if set."""
        image, mirror = versions().images[name], self.settings.mirror
        return image.reference(mirror.built or mirror.registry if image.built_here else mirror.registry)

    def meta(
        self,
        name: str,
        namespace: str | None = None,
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
        runs: bool = False,
    ) -> k8s.meta.v1.ObjectMetaArgs:
        """Return the metadata of an object; `runs` marks objects whose pods Pulumi would wait for."""
        waiting = SKIP_AWAIT if runs and not self.awaits else {}
        return k8s.meta.v1.ObjectMetaArgs(
            name=name,
            namespace=namespace,
            labels={"app.kubernetes.io/part-of": PART_OF, **(labels or {})},
            annotations={**waiting, **(annotations or {})} or None,
        )

    def mirrored(self, file: str, digest: str | None) -> str | None:
        """Return the path of a chart or manifest in the mirror's folder, or None without a mirror.

        Raise PlatformError for a missing file, or one without a locked digest.
        """
        if self.settings.mirror.folder is None:
            return None
        path = Path(self.settings.mirror.folder).expanduser() / file
        cure = f"run `python -m infra.mirror {self.settings.mirror.folder}` where the internet can be reached"
        if not path.is_file():
            raise PlatformError(f"codeintel:mirror.folder has no {file}", cure)
        if digest is None:
            raise PlatformError(f"versions.toml locks no digest of {file}", cure)
        return str(path)
