"""One writer at a time."""

from pathlib import Path

from ml.errors import StoreBusyError
from ml.lock import Lock

FILE_NAME = "writer.lock"


def writer_lock(folder: Path) -> Lock:
    """Return the lock of an index, held. Raise StoreBusyError while another process or update holds it."""
    return Lock(
        folder / FILE_NAME,
        lambda holder: StoreBusyError(
            f"another process{holder} is writing to the index at {folder}", "wait until it is done, or stop it"
        ),
    )
