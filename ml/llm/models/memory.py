"""How much memory a model needs, and how much this machine has."""

import os
from pathlib import Path

from ml.errors import ModelError

# Beside the weights: the keys and values of a context of 4,096 tokens (up to 9 % of the weights), and llama.cpp's buffers.
# Measured with 1.1 GB of weights: 0.9 GB of its own, and the file's pages, of which most can be dropped once they were read.
SHARE, BUFFERS = 0.1, 300_000_000
CGROUP = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def memory_needed(size: int) -> int:
    """Return the bytes of memory that a model of this size takes."""
    return round(size * (1 + SHARE)) + BUFFERS


def memory_here(limits: tuple[Path, ...] = CGROUP) -> int:
    """Return the bytes of memory that this process may use: the machine's, or its container's limit if that is lower."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *(limit for file in limits if (limit := _limit(file)))])


def check_memory(path: str) -> None:
    """Raise ModelError if a model's file is too large for the memory."""
    needed, here = memory_needed(Path(path).stat().st_size), memory_here()
    if needed > here:
        raise ModelError(
            f"{Path(path).name} needs {needed / 1e9:.1f} GB of memory, and this machine has {here / 1e9:.1f} GB",
            "choose a smaller model, see: codeintel model list",
        )


def _limit(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):  # no such controller, or "max"
        return 0
