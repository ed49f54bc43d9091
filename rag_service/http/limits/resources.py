"""System resources of a server: file descriptors, and returning free memory."""

import ctypes
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ml.settings import Settings
from rag_service.http.limits.connections import Limits

BACKLOG = 128  # connections accepted in one go
RESERVED = 2 * BACKLOG + 128  # connections being opened or closed, and files: the index, the LLM's endpoint, the logs
MOST_FILES = 65_536
FEWEST_CONNECTIONS = 16


def limits(settings: Settings) -> Limits:
    """Return the limits of connections, adapted to the number of file descriptors that the system allows."""
    room = max(FEWEST_CONNECTIONS, raise_open_files() - _open_files() - RESERVED)
    return Limits(
        min(settings.max_connections, room), settings.head_timeout, settings.body_timeout, settings.max_bodies_bytes
    )


def raise_open_files() -> int:
    """Raise the limit of open files as far as possible without privileges, and return it."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit
        return MOST_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft in (resource.RLIM_INFINITY, wanted) or soft > wanted:
        return MOST_FILES if soft == resource.RLIM_INFINITY else soft
    with suppress(ValueError, OSError):  # some systems allow less than they report
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        return wanted
    return soft


def _open_files() -> int:
    folder = Path("/dev/fd")
    return len(os.listdir(folder)) if folder.exists() else 0  # noqa: PTH208  # only counted


def _find_trim() -> Callable[[int], int] | None:
    try:
        found: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (AttributeError, TypeError, OSError):  # not glibc
        return None
    return found


def give_memory_back() -> None:
    """Return free memory from the C library to the system, if supported."""
    trim = _find_trim()
    if trim:
        trim(0)
