"""Folders and files that hold a team's code: nobody but their owner may read them, whatever the umask.

A folder that is there already loses what it grants to others. What it grants to its group stays where it grants nothing
to others: no usual umask does so, so somebody shares it on purpose, and what is made in it is shared the same way.
Nothing is ever granted, and what another user owns is left alone.
"""

import os
import stat
from pathlib import Path

GROUP, OTHERS = 0o070, 0o007


def private_folder(folder: Path, mask: int = GROUP | OTHERS) -> None:
    """Make a folder, and those above it, without the rights in `mask`; close one that others may enter. Raise OSError."""
    for missing in reversed([place for place in (folder, *folder.parents) if not place.exists()]):
        missing.mkdir(mode=0o777 & ~mask, exist_ok=True)
    close_folder(folder)


def close_folder(folder: Path) -> None:
    """Close a folder that others may enter, with all that is in it; do nothing where there is none. Raise OSError."""
    if folder.is_dir() and tighten(folder):
        _tighten_below(folder)


def tighten(path: Path) -> bool:
    """Take from a file or folder of this user what it grants to others, and to its group with them."""
    found = path.stat()
    if not found.st_mode & OTHERS or found.st_uid != os.geteuid():
        return False
    path.chmod(stat.S_IMODE(found.st_mode) & ~(GROUP | OTHERS))
    return True


def creation_mask(folder: Path) -> int:
    """Return the umask under which files in a folder grant its group what the folder does, and others nothing."""
    granted = folder.stat().st_mode
    return OTHERS | (GROUP if granted & OTHERS else GROUP & ~granted)


def create_private(path: Path, flags: int = os.O_WRONLY | os.O_TRUNC) -> int:
    """Open a file, made for its owner alone where there is none, and return its descriptor. Raise OSError."""
    return os.open(path, flags | os.O_CREAT | os.O_CLOEXEC, 0o666 & ~creation_mask(path.parent))


def _tighten_below(folder: Path) -> None:
    """Close what an older version made in a folder."""
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            if not path.is_symlink():
                tighten(path)
