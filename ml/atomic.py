"""Write files atomically: readers see the old file or the new one, and a killed run leaves the old."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from ml.private import create_private

PART = ".part"  # ends the name of a file that is still being written


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Yield a new private file beside `file` to write to; it replaces `file` once the block ends, after a flush to disk.

    If the block fails, the new file is removed and `file` stays as it was. Raise OSError.
    """
    part = file.with_name(f"{file.name}.{uuid4().hex[:8]}{PART}")
    try:
        os.close(create_private(part))
        yield part
        move_into_place(part, file)
    finally:
        part.unlink(missing_ok=True)


def move_into_place(part: Path, file: Path) -> None:
    """Replace `file` by a finished file of the same folder, flushed to disk. Raise OSError."""
    flush_to_disk(part)
    part.replace(file)
    flush_to_disk(file.parent)


def write_atomically(file: Path, content: bytes) -> None:
    """Replace a file's content atomically. Raise OSError."""
    with replacing(file) as part:
        part.write_bytes(content)


def flush_to_disk(path: Path) -> None:
    """Flush a file's content, or a folder's entries, to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
