"""The manifest: one small file that names the current shard, its repositories and their files.

Its first line is a header that every version of this program can read. Replacing the file publishes a change.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ml.errors import StoreCorruptError, StoreEmbedderError, StoreVersionError
from ml.index.chunk import digest
from ml.index.store.base import Repository
from ml.index.store.embedded.files import Checksum, write_atomically

FORMAT = 1
FILE_NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class FileRecord:
    """An indexed file: digest of its bytes, number of chunks, language, replaced secrets per kind."""

    digest: str
    chunks: int
    language: str
    redacted: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> list[Any]:
        """Return the record as a list, the compact form that is stored."""
        return [self.digest, self.chunks, self.language, *([dict(self.redacted)] if self.redacted else [])]

    @classmethod
    def from_json(cls, stored: list[Any]) -> "FileRecord":
        """Read the output of `as_json`."""
        return cls(*stored)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The published state of an embedded index. `shard` is a folder's name, or "" if the index is empty."""

    shard: str = ""
    checksums: Mapping[str, Checksum] = field(default_factory=dict)
    repositories: Mapping[str, Repository] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, FileRecord]] = field(default_factory=dict)

    @property
    def chunks(self) -> int:
        """Return the number of chunks in the shard."""
        return sum(repository.chunks for repository in self.repositories.values())

    def with_repository(self, repository: Repository, files: Mapping[str, FileRecord]) -> "Manifest":
        """Return a manifest with one repository replaced."""
        name = repository.name
        return replace(
            self, repositories={**self.repositories, name: repository}, files={**self.files, name: dict(files)}
        )

    def without(self, repo: str) -> "Manifest":
        """Return a manifest without a repository."""
        return replace(
            self,
            repositories={name: known for name, known in self.repositories.items() if name != repo},
            files={name: known for name, known in self.files.items() if name != repo},
        )


def complete_record(repository: Repository, files: Mapping[str, FileRecord], index_version: int) -> Repository:
    """Return a repository's record with its counts and the current time filled in."""
    return replace(
        repository,
        indexed_at=datetime.now(UTC).isoformat(timespec="seconds"),
        files=len(files),
        chunks=sum(file.chunks for file in files.values()),
        languages=dict(Counter(file.language for file in files.values() if file.language).most_common()),
        redacted=dict(sum((Counter(file.redacted) for file in files.values() if file.redacted), Counter[str]())),
        index_version=index_version,
    )


def write_manifest(folder: Path, manifest: Manifest, embedder: str, dimension: int) -> None:
    """Publish a manifest."""
    body = json.dumps(
        {
            "shard": manifest.shard,
            "checksums": {name: [sum_.size, sum_.changed, sum_.crc] for name, sum_ in manifest.checksums.items()},
            "repositories": [asdict(repository) for repository in manifest.repositories.values()],
            "files": {
                repo: {path: record.as_json() for path, record in files.items()}
                for repo, files in manifest.files.items()
            },
        },
        ensure_ascii=False,
    ).encode()
    header = {"format": FORMAT, "embedder": embedder, "dimension": dimension, "digest": digest(body)}
    write_atomically(folder / FILE_NAME, json.dumps(header).encode() + b"\n" + body)


def read_manifest(folder: Path, embedder: str, dimension: int) -> Manifest:
    """Read the published manifest.

    Raise FileNotFoundError, StoreVersionError, StoreEmbedderError and StoreCorruptError.
    """
    first, _, body = (folder / FILE_NAME).read_bytes().partition(b"\n")
    try:
        header = json.loads(first)
        check_header(str(folder), header, embedder, dimension)
        if header["digest"] != digest(body):
            raise corrupt_index(folder, f"{FILE_NAME} does not match its checksum")
        stored = json.loads(body)
    except (ValueError, KeyError, TypeError) as error:
        raise corrupt_index(folder, f"{FILE_NAME} can't be read") from error
    return Manifest(
        stored["shard"],
        {name: Checksum(*values) for name, values in stored["checksums"].items()},
        {repository["name"]: Repository(**repository) for repository in stored["repositories"]},
        {
            repo: {path: FileRecord.from_json(record) for path, record in files.items()}
            for repo, files in stored["files"].items()
        },
    )


def check_header(place: str, header: Mapping[str, Any], embedder: str, dimension: int) -> None:
    """Raise StoreVersionError or StoreEmbedderError if this program can't use an index."""
    if header["format"] != FORMAT:
        made_by = "a newer" if header["format"] > FORMAT else "an older"
        raise StoreVersionError(
            f"the index at {place} was made by {made_by} version of codeintel",
            "use that version, or choose another store with --store and index again",
        )
    if (header["embedder"], header["dimension"]) != (embedder, dimension):
        raise StoreEmbedderError(
            f"the index at {place} was made with the embedder {header['embedder']} ({header['dimension']} dimensions), "
            f"not with {embedder} ({dimension})",
            "configure that embedder, or choose another store with --store and index again",
        )


def corrupt_index(folder: Path, reason: str) -> StoreCorruptError:
    """Return the error for a damaged index."""
    return StoreCorruptError(
        f"the index at {folder} is damaged ({reason})", f"delete that folder and index again: rm -r {folder}"
    )
