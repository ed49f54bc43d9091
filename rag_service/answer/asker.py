"""Who asks."""

import getpass
import os
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Asker:
    """A name for the audit log, and the trace that the question is part of (W3C `traceparent`), "" where not known."""

    name: str = ""
    traceparent: str = ""

    @classmethod
    def local(cls) -> Self:
        """Return the user of this process."""
        try:
            return cls(getpass.getuser())
        except (KeyError, OSError):  # a container's user may have no name
            return cls(str(os.getuid()))
