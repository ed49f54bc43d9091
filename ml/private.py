"""Private folders and files for a team's code: only their owner may read them, whatever the umask.

An existing folder loses the permissions of others. Those of its group stay if others have none: no usual umask leaves
that, so somebody shares the folder on purpose, and files created in it are shared the same way.
Permissions are never added, and what another user owns is left alone.
"""

import os
import stat
from pathlib import Path

GROUP, OTHERS = 0o070, 0o007


def private_folder(folder: Path, mask: int = GROUP | OTHERS) -> None:
    """Create a folder and its parents without the permissions in `mask`; close one that others may enter. Raise OSError."""
    for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
        missing.mkdir(mode=0o777 & ~mask, exist_ok=True)
    close_folder(folder)


def close_folder(folder: Path) -> None:
    """Close a folder that others may enter, and its contents; do nothing if it does not exist. Raise OSError."""
    if folder.is_dir() and tighten(folder):
        _tighten_below(folder)


def tighten(path: Path) -> bool:
    """Remove the permissions of others, and with them the group's, from a file or folder that this user owns."""
    found = path.stat()
    if not found.st_mode & OTHERS or found.st_uid != os.geteuid():
        return False
    path.chmod(stat.S_IMODE(found.st_mode) & ~(GROUP | OTHERS))
    return True


def creation_mask(folder: Path) -> int:
    """Return the umask that gives files in a folder the folder's group permissions, and others none."""
    granted = folder.stat().st_mode
    return OTHERS | (GROUP if granted & OTHERS else GROUP & ~granted)


def create_private(path: Path, flags: int = os.O_WRONLY | os.O_TRUNC) -> int:
    """Open a file, creating it for its owner alone if necessary, and return its descriptor. Raise OSError."""
    return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o666 & ~creation_mask(path.parent))


def _tighten_below(folder: Path) -> None:
    """Close files and folders that an older version created in a folder."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            if not path.is_symlink():
                tighten(path)
