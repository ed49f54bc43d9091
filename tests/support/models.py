"""Small stand-ins for large models: a catalogue of them, wheels that hold their pieces, and a hub that serves their files."""

import hashlib
import json
import os
import random
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.http_double import Handler, serve

CODEINTEL = str(Path(sys.executable).with_name("codeintel"))
PIECE = 1 << 20
CONTENT = random.Random(5).randbytes(3 * PIECE + 12_345)
REVISION = "0123456789abcdef"
PATH = f"/team/small-GGUF/resolve/{REVISION}/small.gguf"


@dataclass
class Home:
    """A user's data and configuration, with a team's catalogue of one model; commands run in it."""

    folder: Path
    wheels: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.wheels = [write_wheel(self.folder / "wheels", index) for index in range(-(-len(CONTENT) // PIECE))]
        self.write_catalogue()

    def write_catalogue(self, **changes: object) -> None:
        """Write the team's catalogue: `small`, with its size and digest unless they are changed."""
        packages = {
            "name": "small-model-part{n}",
            "version": "1.0",
            "suffix": ".bin",
            "piece": PIECE,
            "sha256": [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in self.wheels],
        }
        about: dict[str, object] = {
            "title": "Small, Q4_0",
            "parameters": 2,
            "licence": "MIT",
            "context": 2048,
            "file": "small.gguf",
            "size": len(CONTENT),
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "hub": {"repository": "team/small-GGUF", "revision": REVISION},
            "packages": packages,
        }
        self.catalogue.write_text(f"[small]\n{_lines(about | changes)}")

    @property
    def catalogue(self) -> Path:
        """The team's catalogue."""
        return self.folder / "catalogue.toml"

    @property
    def models(self) -> Path:
        """The folder of pulled models."""
        return self.folder / "data" / "models"

    @property
    def file(self) -> Path:
        """Where the model is once it was pulled."""
        return self.models / "small.gguf"

    @property
    def part(self) -> Path:
        """Where the model is while it is being pulled."""
        return self.models / "small.gguf.part"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of a command: packages come from the folder of wheels, and from nowhere else."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CODEINTEL_", "HF_"))}
        return inherited | {
            "CODEINTEL_DATA_DIR": str(self.folder / "data"),
            "CODEINTEL_MODEL_CATALOGUE": str(self.catalogue),
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.folder / "wheels"),
            "UV_NO_INDEX": "1",  # an environment that uv made has no pip
            "UV_FIND_LINKS": str(self.folder / "wheels"),
            "HF_ENDPOINT": "http://127.0.0.1:9",
        }


def write_wheel(folder: Path, index: int) -> Path:
    """Write the wheel that holds a piece of the small model."""
    folder.mkdir(parents=True, exist_ok=True)
    name, about = f"small_model_part{index + 1}", f"small_model_part{index + 1}-1.0.dist-info"
    wheel = folder / f"{name}-1.0-py3-none-any.whl"
    members = {
        f"{name}/data/part.bin": CONTENT[index * PIECE : (index + 1) * PIECE],
        f"{about}/METADATA": f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n".encode(),
        f"{about}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{member},,\n" for member in [*members, f"{about}/RECORD"])
    with zipfile.ZipFile(wheel, "w") as archive:
        for member, content in (members | {f"{about}/RECORD": record.encode()}).items():
            archive.writestr(member, content)
    return wheel


@dataclass
class Hub:
    """How the hub behaves, and what it was asked for: the Range and Authorization of each request."""

    content: bytes = CONTENT
    status: int = 206
    breaks_after: int = 0  # bytes after which a connection ends; 0: it does not
    hangs_after: int = 0  # bytes after which nothing more comes until this is 0 again
    ignores_range: bool = False
    redirect: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def serve_hub(hub: Hub) -> Iterator[str]:
    """Serve the small model as the hub does; yield the address."""

    class Files(Handler):
        def do_GET(self) -> None:
            hub.asked.append((self.headers.get("Range", ""), self.headers.get("Authorization", "")))
            if hub.redirect:
                return self.reply(b"", 302, {"Location": f"{hub.redirect}{self.path}"})
            if self.path != PATH or hub.status not in (200, 206):
                return self.reply(b"no", 404 if self.path != PATH else hub.status)
            start = 0 if hub.ignores_range else int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            return self._send(start)

        def _send(self, start: int) -> None:
            size = len(hub.content)
            self.send_response(200 if hub.ignores_range else 206)
            self.send_header("Content-Length", str(size - start))
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
            self.end_headers()
            end = min(size, start + hub.breaks_after) if hub.breaks_after else size
            for at in range(start, end, 1 << 16):
                self.wfile.write(hub.content[at : min(end, at + (1 << 16))])
                while hub.hangs_after and at + (1 << 16) >= start + hub.hangs_after:
                    time.sleep(0.01)

    with serve(Files) as address:
        yield address


def _lines(about: Mapping[str, object]) -> str:
    tables = {name: value for name, value in about.items() if isinstance(value, Mapping)}
    plain = "".join(f"{name} = {json.dumps(value)}\n" for name, value in about.items() if name not in tables)
    return plain + "".join(f"[small.{name}]\n{_lines(table)}" for name, table in tables.items())
