"""The caller who asks a question."""

import getpass
import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Asker:
    """The caller's name for the audit log and the question's parent trace (W3C `traceparent`), "" if unknown."""

    name: str = ""
    traceparent: str = ""

    @classmethod
    def local(cls) -> Self:
        """Return the user of this process."""
        try:
            return cls(getpass.getuser())
        except (KeyError, OSError):  # a container's user may have no name
            return cls(str(os.getuid()))
