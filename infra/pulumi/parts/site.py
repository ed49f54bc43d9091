"""What every component is given: the settings, and how they change names of images and the waiting for pods."""

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
    """One stack's choices, as its components need them."""

    settings: Settings

    @property
    def awaits(self) -> bool:
        """Whether Pulumi waits until pods run."""
        return self.settings.await_ready is not False

    def image(self, name: str) -> str:
        """Return an image of versions.toml by its name there, with the prefix of its registry where one is set."""
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
        """Return the metadata that every object has; `runs` is said of what Pulumi would wait for until its pods run."""
        waiting = SKIP_AWAIT if runs and not self.awaits else {}
        return k8s.meta.v1.ObjectMetaArgs(
            name=name,
            namespace=namespace,
            labels={"app.kubernetes.io/part-of": PART_OF, **(labels or {})},
            annotations={**waiting, **(annotations or {})} or None,
        )

    def mirrored(self, file: str, digest: str | None) -> str | None:
        """Return the path of a chart's or manifest's file in the mirror's folder, or None where no mirror is set.

        Raise PlatformError for a file that is not there, or that no digest is locked for.
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
