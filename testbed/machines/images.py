"""Container images built without a registry: one layer of files, as an OCI archive that containerd imports."""

import hashlib
import io
import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

BUSYBOX = Path("/bin/busybox")  # Debian's package busybox-static
NOBODY = "65532"
PAUSE, SHELL = "dev.local/pause:1", "dev.local/busybox:1"


@dataclass(frozen=True)
class Image:
    """An image: its name (`dev.local/…` is never resolved), files by path, command and user."""

    name: str
    files: dict[str, Path]
    command: list[str]
    user: str = NOBODY
    links: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


def shell_images() -> list[Image]:
    """Return the images that each node needs: the sandbox, and a small shell with a web server and `nc`."""
    links = {f"bin/{name}": "busybox" for name in ("sh", "sleep", "httpd", "cat", "id", "nc", "nslookup")}
    return [
        Image(PAUSE, {"bin/busybox": BUSYBOX}, ["/bin/busybox", "sleep", "2147483647"]),
        Image(SHELL, {"bin/busybox": BUSYBOX}, ["/bin/sh"], links=links),
    ]


def archive(image: Image, target: Path) -> Path:
    """Write an image as an OCI archive, reproducibly, and return its path."""
    layer = _layer(image)
    variables = [f"{name}={value}" for name, value in ({"PATH": "/bin"} | image.environment).items()]
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"User": image.user, "Entrypoint": image.command, "Env": variables},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
    }
    settings = json.dumps(config).encode()
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": _described("application/vnd.oci.image.config.v1+json", settings),
        "layers": [_described("application/vnd.oci.image.layer.v1.tar", layer)],
    }
    top = json.dumps(manifest).encode()
    named = {"annotations": {"io.containerd.image.name": image.name}}
    index = {"schemaVersion": 2, "manifests": [{**_described(str(manifest["mediaType"]), top), **named}]}
    with tarfile.open(target, "w") as tar:
        _add(tar, "oci-layout", b'{"imageLayoutVersion": "1.0.0"}')
        _add(tar, "index.json", json.dumps(index).encode())
        for blob in (layer, settings, top):
            _add(tar, f"blobs/{_digest(blob).replace(':', '/')}", blob)
    return target


def _layer(image: Image) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        parents = {str(folder) for path in image.files for folder in Path(path).parents if folder.name}
        for folder in ("tmp", *sorted(parents - {"tmp"})):
            info = tarfile.TarInfo(folder)
            info.type, info.mode = tarfile.DIRTYPE, 0o1777 if folder == "tmp" else 0o755
            tar.addfile(info)
        for path, source in image.files.items():
            _add(tar, path, source.read_bytes(), mode=0o755)
        for path, to in image.links.items():
            info = tarfile.TarInfo(path)
            info.type, info.linkname = tarfile.SYMTYPE, to
            tar.addfile(info)
    return buffer.getvalue()


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int = 0o644) -> None:
    info = tarfile.TarInfo(path)
    info.size, info.mode = len(content), mode
    tar.addfile(info, io.BytesIO(content))


def _described(media: str, blob: bytes) -> dict[str, object]:
    return {"mediaType": media, "digest": _digest(blob), "size": len(blob)}


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"
