"""Images, copied by skopeo to a folder (OCI layouts) or a registry."""

import shutil
import subprocess
from pathlib import Path

from infra.pulumi.errors import PlatformError
from infra.pulumi.versions import Image

CURE = "install skopeo (Debian, Ubuntu, Fedora, Homebrew have it), or leave images out: --no-images"


def copy_image(image: Image, folder: Path | None, registry: str | None, more: tuple[str, ...] = ()) -> str:
    """Copy an image for all its platforms, unless it is there; return the digest of its manifest list.

    Raise PlatformError without skopeo, if the copy fails, or if the digest differs from the one in versions.toml.
    """
    if shutil.which("skopeo") is None:
        raise PlatformError("skopeo is not on the PATH", CURE)
    source = f"docker://{image.repository}:{image.tag}"
    found = _run("inspect", "--format", "{{.Digest}}", *more, source).strip().removeprefix("sha256:")
    if image.sha256 and found != image.sha256:
        cause = f"{image.repository}:{image.tag} has the digest {found[:12]}…, and not {image.sha256[:12]}…"
        raise PlatformError(cause, "find out who changed it before you use it")
    place = f"docker://{registry}/{image.repository}:{image.tag}" if registry else _layout(folder, image)
    _run("copy", "--all", "--preserve-digests", *more, source, place)
    return found


def _layout(folder: Path | None, image: Image) -> str:
    target = (folder or Path()) / "images" / image.repository
    target.parent.mkdir(parents=True, exist_ok=True)
    return f"oci:{target}:{image.tag}"


def _run(*arguments: str) -> str:
    done = subprocess.run(["skopeo", *arguments], capture_output=True, text=True)
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise PlatformError(
            f"skopeo {arguments[0]} {arguments[-1]} failed ({said[0]})", "run it again when it is mended"
        )
    return done.stdout
